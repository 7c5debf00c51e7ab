"""Files of mappings: what is read, what is written, how two states of them differ."""

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from shared.messages.source import SourceMapping
from shared.ops.errors import OpsError
from shared.ops.mappings import compared, draw, load
from shared.ops.mappings_files import Row, read, write
from tests.unit.contract_events.doors import TOKEN, open_door

ROUTE = Row(
    key="erp_route:BU-1@emea",
    effective_from=date(2020, 1, 1),
    effective_to=date(2027, 1, 1),
    values={"tenant": "netsuite-emea"},
    actor="pat",
    reason="new unit",
)
ENTITY = replace(ROUTE, key="legal_entity:S-1@netsuite-emea", values={"code": "S-1", "name": "Söhne, GmbH", "subsidiary": "1"}, effective_to=None)


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, [ENTITY, ROUTE])
    assert read(tmp_path / name) == (ROUTE, ENTITY)


def test_json_lines_need_a_key_and_values_only(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"key": "tax:PT@netsuite-emea", "values": {"treatment": "STANDARD"}}\n')
    (row,) = read(file)
    assert (row.kind, row.effective_from, row.values) == ("TAX", date(1970, 1, 1), {"treatment": "STANDARD"})


WRONG = ['[{"key": "a:b@c"}]', '[{"values": {"a": 1}}]', "[1]", "{", '[{"key": "a:b@c", "values": {"a": "b"}, "effective_from": "soon"}]']


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_entry_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(content)
    with pytest.raises(OpsError, match=r"a\.json"):
        read(file)


async def test_loading_sends_each_entry_under_the_id_of_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_DOOR_TOKEN", TOKEN)
    write(tmp_path / "a.csv", [ROUTE, ENTITY])
    async with open_door() as door:
        for _ in range(2):
            assert await asyncio.to_thread(load, tmp_path / "a.csv", f"http://127.0.0.1:{door.port}", tmp_path) == 2
        messages = [parcel.message for parcel in door.kept.parcels]
    assert [message.event_id for message in messages if isinstance(message, SourceMapping)] == [ROUTE.event_id, ENTITY.event_id] * 2


async def test_an_entry_that_the_door_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_DOOR_TOKEN", TOKEN)
    write(tmp_path / "a.csv", [replace(ROUTE, key="erp_route:nowhere")])
    async with open_door() as door:
        with pytest.raises(OpsError, match="entry 1: the key of a mapping"):
            await asyncio.to_thread(load, tmp_path / "a.csv", f"http://127.0.0.1:{door.port}", tmp_path)


def test_a_file_is_compared_with_what_stands(capsys: pytest.CaptureFixture[str]) -> None:
    moved = replace(ROUTE, values={"tenant": "netsuite-us"}, actor="sam")
    found = compared([ROUTE, ENTITY], [moved, replace(ENTITY, effective_from=date(2021, 1, 1))])
    assert (found.changed, len(found.added), len(found.missing)) == (((ROUTE, moved),), 1, 1)
    draw(found)
    assert "tenant=netsuite-emea" in capsys.readouterr().out
    assert compared([ROUTE], [replace(ROUTE, actor="sam")]).empty
