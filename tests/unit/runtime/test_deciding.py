"""What one batch of decisions leads to, without a database or a broker."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import structs

from shared.kernel.cause import Cause
from shared.runtime.answers import Done, Rejected
from shared.runtime.book import Book
from shared.runtime.closing import fences_of
from shared.runtime.deciding import Deciding, Draft
from shared.runtime.decision import (
    Adapter,
    Allowance,
    Decision,
    Emit,
    Intent,
    Known,
    Outcome,
    Route,
    Service,
    Target,
    WaitFor,
    applied,
    dead_letter,
    duplicate,
)
from shared.runtime.drafting import needed
from shared.runtime.events import Answered, Received, Woken
from shared.runtime.lanes import OwnedLane
from shared.runtime.records import Record, kept, pack_origin
from shared.runtime.work import AnswerBody, item_of_inbox, item_of_record
from shared.store.rows import InboxRow, StateRow
from shared.wire.limits import LETTER_BYTES, Undecodable

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LANE = OwnedLane(("in.v1", 0), epoch=3, next=7, head=4)


class Said(msgspec.Struct):
    text: str


class Json:
    """Stands for the codec: what is tested is which bytes are decided on, not how they look."""

    def decode(self, value: bytes, expected: type) -> Any:
        if value == b"poison":
            raise Undecodable("truncated", "the value ends too early")
        return msgspec.json.decode(value, type=expected)

    def encode(self, message: Any, topic: str) -> bytes:
        return msgspec.json.encode(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    words: tuple[str, ...] = ()


def on_said(state: Heard | None, event: Received[Said], known: Known, now: datetime) -> Decision:
    state, text = state or Heard(), event.message.text
    if text in state.words:
        return duplicate("heard before")
    state = replace(state, words=(*state.words, text))
    match text.split():
        case ["wait", key] if known.get(key) is None:
            return Decision(Outcome.WAITING, state, waits=(WaitFor(key, "someone", "it is missing"),))
        case ["supply", key]:
            return applied(state, supplies=(key,))
        case ["call"]:
            return applied(state, intents=(Intent("step", "ledger", {"n": "1"}),))
        case ["bury"]:
            return dead_letter(Cause("told-so", "it said bury"))
        case ["raise"]:
            raise KeyError("nothing here")
        case _:
            return applied(state, emits=(Emit("out.v1", event.key, Said(text.upper())),))


def on_woken(state: Heard, event: Woken, known: Known, now: datetime) -> Decision:
    return applied(replace(state, words=(*state.words, f"woken by {event.wait_key}")))


def on_answered(state: Heard, event: Answered, known: Known, now: datetime) -> Decision:
    return dead_letter(event.answer.cause) if isinstance(event.answer, Rejected) else applied(state)


class NoLedger:
    """A target that no test here calls."""


def no_ledger(name: str) -> Target:
    adapter: Adapter = NoLedger()  # type: ignore[assignment]
    return Target(adapter, Allowance(1))


ROUTE = Route("in.v1", Said, on_said, "word")
SERVICE = Service("listener", (ROUTE,), {"word": Heard}, on_woken, on_answered, target=no_ledger)


def record(offset: int, key: str, text: str, raw: bytes | None = None) -> Record:
    return Record(LANE, offset, key.encode(), raw if raw is not None else msgspec.json.encode(Said(text)), [("traceparent", b"00-aa")])


def state(*words: str, version: int = 1, waiting: bool = False, origin: bytes | None = None) -> StateRow:
    return StateRow(version, waiting, msgspec.json.encode(Heard(words=words)), origin, False)


NOTHING = StateRow(0, False, None, None, False)


def decide(*records: Record, rows: dict[str, StateRow] | None = None, inbox: tuple[InboxRow, ...] = ()) -> Draft:
    items = [item_of_inbox(row, LANE, SERVICE, Json()) for row in inbox] + [item_of_record(r, ROUTE, Json()) for r in records]
    loaded = {item.key: NOTHING for item in items if item.key} | (rows or {})
    return Deciding(SERVICE, Json(), Book(SERVICE.states, loaded), NOW).run(items)


def test_events_of_one_key_see_each_others_state_and_are_saved_as_one_change() -> None:
    batch = decide(record(7, "a", "one"), record(8, "a", "two"), record(9, "a", "one")).batch
    assert [(s.key, s.version, s.body) for s in batch.states] == [("word:a", 1, b'{"words":["one","two"]}')]
    assert [p.value for p in batch.publications] == [b'{"text":"ONE"}', b'{"text":"TWO"}']
    assert [j.outcome for j in batch.journal] == ["applied", "applied", "duplicate"]


def test_the_fence_moves_from_what_is_committed_to_behind_the_last_record() -> None:
    (fence,) = decide(record(7, "a", "one"), record(11, "b", "two")).batch.fences
    assert (fence.lane, fence.old, fence.new, fence.epoch) == (("in.v1", 0), 7, 12, 3)


def test_a_batch_of_inbox_rows_alone_is_fenced_without_moving() -> None:
    woken = InboxRow(5, LANE.lane, "word:a", "woken", b'{"wait_key":"word:b"}', None)
    batch = decide(inbox=(woken,), rows={"word:a": state("x", waiting=True)}).batch
    assert [(f.old, f.new) for f in batch.fences] == [(7, 7)]
    assert batch.inbox_done == [5]
    assert batch.rewaited == ["word:a"]


def test_a_key_that_was_not_loaded_is_asked_for_and_nothing_else_is_kept() -> None:
    draft = decide(record(7, "a", "wait word:b"))
    assert draft.unread == {"word:b"}
    assert draft.batch.states == []


def test_a_wait_remembers_which_version_of_its_key_was_seen_missing() -> None:
    batch = decide(record(7, "a", "wait word:b"), rows={"word:b": NOTHING}).batch
    assert [(w.key, w.wait_key, w.read, w.queue) for w in batch.waits] == [("word:a", "word:b", 0, "someone")]
    assert batch.states[0].waiting


def test_a_dead_letter_carries_its_bytes_and_later_records_of_its_key_are_held() -> None:
    batch = decide(record(7, "a", "", raw=b"poison"), record(8, "a", "later"), record(9, "b", "fine")).batch
    (letter,) = batch.dead_letters
    assert (letter.code, letter.record.value, letter.record.offset) == ("truncated", b"poison", 7)
    assert [h.offset for h in batch.held] == [8]
    assert [(p.target, p.key) for p in batch.publications] == [("listener.dlt.v1", b"a"), ("out.v1", b"b")]
    assert [j.outcome for j in batch.journal] == ["dead_lettered", "held", "applied"]


def test_a_key_that_is_blocked_since_earlier_is_held_too() -> None:
    batch = decide(record(7, "a", "one"), rows={"word:a": structs.replace(NOTHING, blocked=True)}).batch
    assert [h.offset for h in batch.held] == [7]
    assert batch.states == []


def test_a_decider_that_raises_makes_a_dead_letter_and_a_report() -> None:
    draft = decide(record(7, "a", "raise"), record(8, "b", "fine"))
    assert [d.code for d in draft.batch.dead_letters] == ["bug"]
    assert "nothing here" in draft.bugs[0]
    assert [p.target for p in draft.batch.publications] == ["listener.dlt.v1", "out.v1"]


def test_a_record_without_a_key_is_a_dead_letter_that_holds_nobody() -> None:
    batch = decide(Record(LANE, 7, None, b"x", []), record(8, "a", "fine")).batch
    assert [(d.code, d.record.key) for d in batch.dead_letters] == [("no-key", None)]
    assert [s.key for s in batch.states] == ["word:a"]


def test_the_same_intent_has_the_same_identity_and_another_content_another() -> None:
    first = decide(record(7, "a", "call")).batch.effects[0]
    again = decide(record(9, "a", "call")).batch.effects[0]
    other = decide(record(7, "b", "call")).batch.effects[0]
    assert first.id == again.id != other.id


def test_a_rejected_call_buries_the_record_that_led_to_it() -> None:
    origin = pack_origin(kept(record(3, "a", "call"), "word:a"))
    body = AnswerBody("e1", "step", "ledger", "PUT /x", 1, 5, rejected=Rejected(Cause("USER_ERROR", "no such thing")))
    row = InboxRow(9, LANE.lane, "word:a", "answered", msgspec.json.encode(body), None)
    (letter,) = decide(inbox=(row,), rows={"word:a": state("call", origin=origin)}).batch.dead_letters
    assert (letter.code, letter.record.offset, letter.record.value) == ("USER_ERROR", 3, b'{"text":"call"}')


def test_a_dead_letter_that_no_topic_takes_is_published_without_its_value_and_kept_with_it() -> None:
    large = b'{"text":"bury"}' + b" " * LETTER_BYTES
    batch = decide(Record(LANE, 7, b"a", large, [])).batch
    assert [p.value for p in batch.publications] == [None]
    assert [letter.record.value for letter in batch.dead_letters] == [large]


def test_a_record_that_led_to_nothing_is_not_what_a_call_follows_from() -> None:
    batch = decide(record(7, "a", "call"), record(8, "a", "call")).batch
    assert [j.outcome for j in batch.journal] == ["applied", "duplicate"]
    assert batch.states[0].origin == pack_origin(kept(record(7, "a", "call"), "word:a"))


def test_an_answer_of_which_nothing_could_be_made_is_kept_and_one_that_was_weighed_is_not() -> None:
    refused = AnswerBody("e1", "step", "ledger", "PUT /x", 1, 5, rejected=Rejected(Cause("USER_ERROR", "no such thing")))
    rows = [InboxRow(n, LANE.lane, "word:a", "answered", body, None) for n, body in ((8, b"{}"), (9, msgspec.json.encode(refused)))]
    batch = decide(inbox=tuple(rows), rows={"word:a": state("call")}).batch
    assert [letter.code for letter in batch.dead_letters] == ["bad-inbox", "USER_ERROR"]
    assert (batch.inbox_kept, batch.inbox_done) == ([8], [9])


def test_calls_that_follow_from_what_is_decided_on_again_give_way_to_live_ones_and_so_do_those_that_follow_them() -> None:
    again = structs.replace(item_of_record(record(7, "a", "call"), ROUTE, Json()), behind=True)
    live = item_of_record(record(8, "b", "call"), ROUTE, Json())
    draft = Deciding(SERVICE, Json(), Book(SERVICE.states, {"word:a": NOTHING, "word:b": NOTHING}), NOW).run([again, live])
    assert [effect.behind for effect in draft.batch.effects] == [True, False]
    body = AnswerBody("e1", "step", "ledger", "PUT /x", 1, 5, behind=True, done=Done("A"))
    answered = item_of_inbox(InboxRow(9, LANE.lane, "word:a", "answered", msgspec.json.encode(body), None), LANE, SERVICE, Json())
    assert answered.behind


def test_needs_are_named_before_deciding() -> None:
    route = replace(ROUTE, needs=lambda state, event, known: ["word:b", "word:a"])
    items = [item_of_record(record(7, "a", "one"), route, Json())]
    assert needed(items, Book(SERVICE.states, {})) == {"word:a"}
    assert needed(items, Book(SERVICE.states, {"word:a": NOTHING})) == {"word:b"}
    assert needed(items, Book(SERVICE.states, {"word:a": NOTHING, "word:b": NOTHING})) == set()


def test_each_lane_of_a_batch_gets_its_own_fence() -> None:
    other = OwnedLane(("in.v1", 1), epoch=1, next=0, head=0)
    items = [item_of_record(record(7, "a", "x"), ROUTE, Json()), item_of_record(structs.replace(record(3, "b", "y"), claim=other), ROUTE, Json())]
    assert {(f.lane[1], f.new) for f in fences_of(items)} == {(0, 8), (1, 4)}


def test_needs_of_all_items_are_asked_for_at_once() -> None:
    route = replace(ROUTE, needs=lambda state, event, known: [f"word:of-{event.key}"])
    items = [item_of_record(record(7 + i, f"k{i}", "x"), route, Json()) for i in range(100)]
    loaded = {f"word:k{i}": NOTHING for i in range(100)}
    assert needed(items, Book(SERVICE.states, loaded)) == {f"word:of-k{i}" for i in range(100)}


def test_needs_that_raise_leave_it_to_the_decider_to_fail() -> None:
    def needs(state: Any, event: Any, known: Known) -> list[str]:
        raise KeyError("region")

    items = [item_of_record(record(7, "a", "one"), replace(ROUTE, needs=needs), Json())]
    assert needed(items, Book(SERVICE.states, {"word:a": NOTHING})) == set()


def test_a_state_that_does_not_decode_is_a_dead_letter() -> None:
    batch = decide(record(7, "a", "one"), rows={"word:a": structs.replace(state(), body=b'{"words":5}')}).batch
    assert [d.code for d in batch.dead_letters] == ["bug"]


def test_junk_for_a_waiting_key_leaves_its_waits_alone() -> None:
    batch = decide(record(7, "a", "", raw=b"poison"), rows={"word:a": state("x", waiting=True)}).batch
    assert batch.rewaited == []


def test_an_intent_that_cannot_be_written_down_changes_nothing_and_is_a_dead_letter() -> None:
    def decider(state: Any, event: Any, known: Known, now: datetime) -> Decision:
        return applied(Heard(words=("changed",)), intents=(Intent("step", "ledger", {"x": object()}),))

    items = [item_of_record(record(7, "a", "one"), replace(ROUTE, decide=decider), Json())]
    batch = Deciding(SERVICE, Json(), Book(SERVICE.states, {"word:a": NOTHING}), NOW).run(items).batch
    assert [d.code for d in batch.dead_letters] == ["unencodable"]
    assert batch.states == []


def test_an_inbox_row_of_another_version_is_a_dead_letter_that_names_its_key() -> None:
    (letter,) = decide(inbox=(InboxRow(9, LANE.lane, "word:a", "unheard-of", b"{}", None),), rows={"word:a": state()}).batch.dead_letters
    assert (letter.code, letter.record.record_key, letter.record.offset) == ("bad-inbox", b"a", -9)


def test_bytes_that_come_as_they_are_need_no_proper_key() -> None:
    route = replace(ROUTE, message=None, decide=lambda state, event, known, now: applied(Heard(words=(event.key,))))
    items = [item_of_record(Record(LANE, 7, key, b"x", []), route, Json()) for key in (None, b"\xff", b"a\x00")]
    assert [(item.key, item.cause) for item in items] == [("word:", None), ("word:\ufffd", None), ("word:a\ufffd", None)]


def test_a_key_longer_than_an_index_takes_is_a_dead_letter_of_nobody() -> None:
    item = item_of_record(record(7, "a" * 1001, "one"), ROUTE, Json())
    assert (item.key, item.cause.code if item.cause else None) == (None, "bad-key")
    assert item_of_record(record(7, "a" * 1000, "one"), ROUTE, Json()).key == "word:" + "a" * 1000
