"""What a log line looks like, and what may never be in one."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.telemetry import logs
from shared.telemetry.masking import masked


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_is_one_json_object_with_time_level_service_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync")
    logs.get("here").info("applied", contract_id="C-1", trace_id="ab")
    (line,) = _lines(capsys)
    assert (line["event"], line["level"], line["service"], line["contract_id"], line["trace_id"]) == ("applied", "info", "psa_sync", "C-1", "ab")
    assert str(line["time"]).endswith("Z")


def test_fields_bound_for_a_stretch_are_on_every_line_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync")
    with logs.bound(contract_id="C-2"):
        logs.get("here").info("inside")
    logs.get("here").info("outside")
    inside, outside = _lines(capsys)
    assert inside["contract_id"] == "C-2"
    assert "contract_id" not in outside


def test_lines_of_the_standard_library_have_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync")
    logging.getLogger("some.library").warning("late by %s s", 3)
    (line,) = _lines(capsys)
    assert (line["event"], line["service"], line["logger"]) == ("late by 3 s", "psa_sync", "some.library")


def test_control_characters_cannot_forge_a_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync")
    forged = 'x\n{"event":"forged"}\r\x1b[31m\u2028'
    logs.get("here").warning("refused", reason=forged)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "\x1b" not in out
    assert json.loads(out)["reason"] == forged


def test_an_exception_stays_inside_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync")
    try:
        raise ValueError("no such tenant")
    except ValueError:
        logs.get("here").exception("failed")
    (line,) = _lines(capsys)
    assert "no such tenant" in str(line["exception"])


def test_messages_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("psa_sync", "warning")
    logs.get("here").info("quiet")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["Authorization", "access_token", "db_password", "client_secret", "X-DocuSign-Signature-1", "client_assertion"])
def test_a_secret_is_masked_by_its_name_however_deep_it_lies(name: str) -> None:
    assert masked({"request": [{"headers": {name: "hunter2"}}]}) == {"request": [{"headers": {name: "***"}}]}


@pytest.mark.parametrize(
    "text",
    ["Authorization: Bearer hunter2", "postgresql://u:hunter2@db/x", "grant_type=x&client_assertion=hunter2", '{"access_token": "hunter2"}'],
)
def test_a_secret_inside_a_text_is_masked_by_its_look(text: str) -> None:
    assert "hunter2" not in masked({"body": text})["body"]


def test_what_is_no_secret_is_left_alone() -> None:
    assert masked({"contract_id": "C-1", "count": 3, "note": None}) == {"contract_id": "C-1", "count": 3, "note": None}
