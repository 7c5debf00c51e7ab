"""Deciding a record again: what it is held to, what becomes of its letter, and what stays held."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from pydantic import SecretStr

from shared.kernel.cause import Cause
from shared.runtime.book import Book
from shared.runtime.deciding import Deciding, Draft
from shared.runtime.ops_token import drawn, shows, token_of
from shared.runtime.settings import RuntimeSettings
from shared.runtime.work import item_of_inbox
from shared.store.plans import PlanItem, chained
from shared.store.rows import InboxRow, StateRow
from tests.unit.runtime.test_deciding import LANE, NOTHING, NOW, SERVICE, Heard, Json, Said

KEY = "word:A"
STOPPED = structs.replace(NOTHING, blocked=True, stopped=True)
BURIED = Cause("told-so", "it said bury").fingerprint


def body(text: str, **what: object) -> bytes:
    value = msgspec.json.encode(Said(text))
    record = {"topic": "in.v1", "part": 0, "offset": 7, "record_key": b"A", "value": value, "headers": b"\x90"}
    return msgspec.json.encode({"record": record, **what})


def letter(**what: object) -> dict[str, object]:
    return {"plan": 1, "n": 2, "id": 3, "fingerprint": BURIED, "attempts": 1, "reads": {KEY: 0}, "calls": []} | what


def decide(*bodies: bytes, row: StateRow = STOPPED) -> Draft:
    rows = [InboxRow(n + 1, LANE.lane, KEY, "redriven", each, None) for n, each in enumerate(bodies)]
    items = [item_of_inbox(r, LANE, SERVICE, Json()) for r in rows]
    return Deciding(SERVICE, Json(), Book(SERVICE.states, {KEY: row}), NOW).run(items)


def test_a_letter_that_applies_is_resolved_by_its_outcome_and_moves_no_fence() -> None:
    batch = decide(body("hello", letter=letter())).batch
    assert [(r.status, r.resolution) for r in batch.retried] == [("decided", "applied")]
    assert [(f.old, f.new) for f in batch.fences] == [(LANE.next, LANE.next)]
    assert [(j.offset, j.inbox) for j in batch.journal] == [(7, 1)]


def test_a_letter_that_fails_as_before_stands_and_is_not_told_again() -> None:
    batch = decide(body("bury", letter=letter())).batch
    assert [(r.status, r.resolution) for r in batch.retried] == [("failed_same", None)]
    assert batch.publications == []
    assert [d.fingerprint for d in batch.dead_letters] == [BURIED]


def test_a_letter_that_fails_otherwise_is_resolved_and_buried_anew() -> None:
    batch = decide(body("raise", letter=letter())).batch
    assert [(r.status, r.resolution) for r in batch.retried] == [("failed_new", "failed again for another cause")]
    assert [p.target for p in batch.publications] == ["listener.dlt.v1"]


@pytest.mark.parametrize(
    ("what", "why"),
    [({"reads": {KEY: 4}}, "the state of word:A has changed"), ({"calls": ["another"]}, "would make other calls")],
)
def test_a_letter_whose_plan_does_not_hold_is_left_alone(what: dict[str, object], why: str) -> None:
    batch = decide(body("hello", letter=letter(**what))).batch
    assert [(r.status, r.resolution) for r in batch.retried] == [("moved", None)]
    assert why in batch.retried[0].detail
    assert not batch.states
    assert not batch.publications
    assert not batch.dead_letters


def test_a_released_record_is_decided_unless_its_key_has_stopped_again() -> None:
    free = structs.replace(NOTHING, blocked=True)
    batch = decide(body("one", held=10), body("bury", held=11), body("two", held=12), row=free).batch
    assert batch.released == [10, 11]
    assert batch.held_back == [(12, KEY)]
    assert [s.body for s in batch.states] == [msgspec.json.encode(Heard(words=("one",)))]
    assert batch.inbox_done == [1, 2, 3]


def test_a_plans_hash_is_the_same_however_many_items_are_judged_at_a_time_and_changes_with_each() -> None:
    items = [
        PlanItem(n, n, "in.v1", 0, n, KEY, b"digest", BURIED, "apply", "", "today's", "[]", "[]", '{"word:A": 0}', None, None, 0) for n in range(5)
    ]
    assert chained(chained("", items[:2]), items[2:]) == chained("", items)
    assert chained("", [*items[:4], replace(items[4], reads='{"word:A": 1}')]) != chained("", items)


def test_a_token_is_drawn_once_and_shown_in_full(tmp_path: Path) -> None:
    path = tmp_path / "run" / "secrets" / "ops_token"
    token = drawn(path)
    assert token == drawn(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert shows(f"Bearer {token}", token)
    for shown in (None, "", token, f"Basic {token}", "Bearer ", f"Bearer {token[:-1]}"):
        assert not shows(shown, token)
    assert not shows("Bearer ", None)


def test_an_empty_token_is_none_and_opens_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "ops_token"
    empty.write_text("\n")
    told: dict[str, Any] = {"kafka": "k", "postgres": SecretStr("p"), "registry": "r", "ops_port": 1, "ops_token": SecretStr(" ")}
    assert token_of(RuntimeSettings(**told)) is None
    assert token_of(RuntimeSettings(**told, ops_token_file=empty)) is None
    assert not shows("Bearer ", "")
