"""Feeding through a door on a real socket: what is counted, what is patiently sent again, where a killed feed goes on."""

import asyncio
import json
from pathlib import Path

import pytest

from shared.ops.door import Door
from shared.ops.errors import OpsError, StackDown
from shared.ops.feed import feed
from shared.ops.feed_progress import Lines
from shared.ops.feed_report import FeedReport, draw
from tests.unit.contract_events.doors import TOKEN, OpenDoor, free_port, open_door

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "ocds"


class Killed(Exception):
    """Stands in for the end of the process."""


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_DOOR_TOKEN", TOKEN)


async def fed(door: OpenDoor, *paths: Path, home: Path, derive_mappings: bool = False, as_: str = "auto") -> FeedReport:
    return await asyncio.to_thread(feed, paths, as_, f"http://127.0.0.1:{door.port}", home, derive_mappings)


def releases(*values: object) -> str:
    period = {"startDate": "2020-01-01", "endDate": "2020-12-31"}
    rows = [
        {
            "ocid": f"ocds-abc123-{n}",
            "date": "2020-02-02T00:00:00Z",
            "buyer": {"id": "B1", "name": "Town"},
            "contracts": [{"id": "c", "value": {"amount": value, "currency": "EUR"}, "period": period}],
        }
        for n, value in enumerate(values, 1)
    ]
    return "\n".join(map(json.dumps, rows))


async def test_a_feed_counts_what_was_taken_and_names_what_was_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(releases(1, None, 3))
    async with open_door() as door:
        report = await fed(door, file, home=tmp_path)
    (refused,) = report.refused
    assert (report.taken, refused.position, refused.contract_id, refused.code) == (2, 2, "ocds-abc123-2/c", "missing-value")
    assert json.loads(json.dumps(report.as_json()))["files"][0]["refused"][0]["contract_id"] == "ocds-abc123-2/c"
    draw(report)
    assert "1 × missing-value" in capsys.readouterr().out


FILES = [("portugal_base_2019.json", 100, 100, 0), ("mexico_inai_releases.jsonl", 82, 82, 7), ("canada_buyandsell_releases.jsonl", 22, 11, 0)]


@pytest.mark.skipif(not DATA.is_dir(), reason="the published files are not beside this checkout")
@pytest.mark.parametrize(("name", "taken", "contracts", "refused"), FILES)
async def test_real_publications_are_fed_whole(name: str, taken: int, contracts: int, refused: int, tmp_path: Path) -> None:
    async with open_door() as door:
        report = await fed(door, DATA / name, home=tmp_path, derive_mappings=True)
        first = {parcel.event_id for parcel in door.kept.parcels}
        again = await fed(door, DATA / name, home=tmp_path, derive_mappings=True)
        assert {parcel.event_id for parcel in door.kept.parcels} == first
    assert (report.taken, report.files[0].contracts, len(report.refused)) == (taken, contracts, refused)
    assert again.taken == taken


async def test_our_own_events_are_fed_in_their_order(tmp_path: Path) -> None:
    at = "2026-01-01T00:00:00Z"
    account = {"type": "account", "occurred_at": at, "source": "crm", "account_id": "A", "name": "Aster"}
    ended = {"type": "contract", "occurred_at": at, "source": "clm", "contract_id": "C", "kind": "CANCELLATION", "reason": "void"}
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in (account, ended, {"type": "contract"}, account | {"account_id": "B"})))
    async with open_door() as door:
        report = await fed(door, file, home=tmp_path)
        assert [parcel.key for parcel in door.kept.parcels] == ["A", "C", "B"]
    assert [(refusal.position, refusal.code) for refusal in report.refused] == [(3, "wrong-shape")]


async def test_a_feed_waits_while_nothing_is_taken_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(releases(1))
    async with open_door() as door:
        door.kept.away = True
        feeding = asyncio.create_task(fed(door, file, home=tmp_path))
        await asyncio.sleep(0.3)
        assert not feeding.done()
        door.kept.away = False
        report = await feeding
    assert report.taken == 1


async def test_a_feed_that_was_stopped_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(releases(*range(1, 8)))
    monkeypatch.setattr("shared.ops.feed.BATCH_LINES", 3)
    send = Door.send

    def killed_after_two(door: Door, kind: str, lines: list[bytes], derive_mappings: bool = False) -> list[dict[str, object]]:
        answers = send(door, kind, lines, derive_mappings)
        if b"ocds-abc123-7" in lines[0]:
            raise Killed
        return answers

    async with open_door() as door:
        monkeypatch.setattr(Door, "send", killed_after_two)
        with pytest.raises(Killed):
            await fed(door, file, home=tmp_path)
        monkeypatch.setattr(Door, "send", send)
        seen = len(door.kept.parcels)
        report = await fed(door, file, home=tmp_path)
        sent = [parcel.key for parcel in door.kept.parcels[seen:] if parcel.topic == "source.clm.contract.v1"]
    assert (report.files[0].resumed_after, sent, report.taken) == (6, ["ocds-abc123-7/c"], 7)
    assert list((tmp_path / "feeds").iterdir()) == []


async def test_a_door_that_stays_away_is_named(tmp_path: Path) -> None:
    door = Door(f"http://127.0.0.1:{free_port()}", TOKEN, patience_s=0.1)
    with pytest.raises(StackDown, match="has not taken a batch"):
        await asyncio.to_thread(door.send, "clm", [b"{}"])


async def test_a_wrong_token_is_said_at_once() -> None:
    async with open_door() as door:
        with pytest.raises(OpsError, match="door's token"):
            await asyncio.to_thread(Door(f"http://127.0.0.1:{door.port}", "other").send, "clm", [b"{}"])


def test_rates_and_time_are_left_to_billing(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="cannot be fed"):
        feed([tmp_path], "rates", "http://127.0.0.1:1", tmp_path)


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    written: list[str] = []
    lines = Lines(written.append)
    for done in range(1, 4):
        lines.advance("a.json", done, 3)
    assert written == ["feeding a.json: 1 of 3 items", "feeding a.json: 3 of 3 items"]
