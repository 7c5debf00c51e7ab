"""What the ERP adapter makes of answers that no sandbox gives: of a wait without measure, and of what stands between us and the vendor."""

from datetime import UTC, datetime

import msgspec
import pytest
from multidict import CIMultiDict

from services.erp_provisioning.adapters.answers import meaning, unsure
from shared.runtime.answers import Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import LONGEST_S

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


def reply(status: int, body: object = None, **headers: str) -> HttpReply:
    told = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    return HttpReply(status, told, body, HttpExchange("PUT /a", "", status, msgspec.json.encode(body).decode()))


def refusal(code: str = "USER_ERROR", detail: str = "No.") -> dict[str, object]:
    return {"o:errorDetails": [{"detail": detail, "o:errorCode": code}]}


@pytest.mark.parametrize("status", [429, 503])
def test_no_wait_is_longer_than_a_quarter_of_an_hour(status: int) -> None:
    answer = meaning(reply(status, refusal(), Retry_After="1767225600"), "job P", NOW)
    assert isinstance(answer, Unavailable)
    assert answer.retry_after == LONGEST_S


@pytest.mark.parametrize(
    ("status", "code", "of_target"),
    [
        (403, "INSUFFICIENT_PERMISSION", False),
        (409, "CONFLICT", False),
        (400, "RCRD_HAS_BEEN_CHANGED", False),
        (400, "RECORD_LOCKED", False),
        (401, "INVALID_LOGIN", True),
        (429, "CONCURRENCY_LIMIT_EXCEEDED", True),
        (503, "UNEXPECTED_ERROR", True),
    ],
)
def test_what_is_about_one_object_is_told_from_how_the_account_is(status: int, code: str, of_target: bool) -> None:
    answer = meaning(reply(status, refusal(code)), "job P", NOW)
    assert isinstance(answer, Unavailable)
    assert answer.of_target is of_target
    assert unsure(reply(status, refusal(code)), "job P", NOW).answer.of_target is of_target


def test_a_look_that_is_refused_is_about_its_object_and_one_that_a_stranger_answers_is_not() -> None:
    assert not unsure(reply(400, refusal("INVALID_ID")), "job P", NOW).answer.of_target
    assert unsure(reply(400, {"error": "bad request"}), "job P", NOW).answer.of_target
    assert unsure(reply(500, refusal("UNEXPECTED_ERROR")), "job P", NOW).answer.of_target
