"""What is to be decided on: records, keys that were supplied, calls that were answered; decoded, or with the cause why not."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct, structs

from shared.kernel.cause import Cause
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import Decider, Needs, Route, Service, nothing_else
from shared.runtime.events import Answered, Coordinates, RawRecord, Received, Woken
from shared.runtime.lanes import OwnedLane
from shared.runtime.records import Record, trace_header
from shared.runtime.redrive import Again, again_of
from shared.store.rows import InboxRow
from shared.telemetry.tracing import traceparent_of
from shared.wire.limits import Undecodable

KEY_BYTES = 1000  # an index of PostgreSQL takes 2,700
UUID_DIGITS = re.compile("[0-9a-f]{32}").fullmatch  # building a UUID of each would take a tenth of what decoding takes


class Decoding(Protocol):
    def decode(self, value: bytes, expected: type) -> Any: ...


class Item(Struct, frozen=True, gc=False):
    """`event` None: it could not be read, and `cause` says why. `key` None: not even whose it is can be said.

    `record` is read in the lane's order and moves its fence; a record that is decided on `again` does not.
    """

    claim: OwnedLane
    key: str | None
    event: Any
    decide: Decider
    needs: Needs
    trace: str | None
    record: Record | None = None
    inbox: int | None = None
    cause: Cause | None = None
    again: Again | None = None
    behind: bool = False  # what follows from it gives way to live calls
    at: datetime | None = None  # the moment to decide at, where it is not the batch's


class AnswerBody(msgspec.Struct):
    """An `Answered` as it lies in the inbox."""

    effect_id: str
    step: str
    target: str
    request: str
    attempts: int
    duration_ms: int
    behind: bool = False
    done: Done | None = None
    rejected: Rejected | None = None


class WakeBody(msgspec.Struct):
    wait_key: str


def item_of_record(record: Record, route: Route, codec: Decoding) -> Item:
    topic, part = record.claim.lane
    trace = trace_header(record.headers)
    try:
        text = _text_key(record) if route.message else _any_key(record)
        key = f"{route.namespace}:{text}" if route.namespace else text
    except Undecodable as problem:
        return Item(record.claim, None, None, route.decide, route.needs, trace, record, cause=Cause(problem.code, problem.message))
    try:
        message = codec.decode(record.value or b"", route.message) if route.message else RawRecord(record.value or b"", dict(record.headers))
    except Undecodable as problem:
        return Item(record.claim, key, None, route.decide, route.needs, trace, record, cause=Cause(problem.code, problem.message))
    event = Received(text, message, Coordinates(topic, part, record.offset))
    return Item(record.claim, key, event, route.decide, route.needs, trace or _derived_trace(message), record)


def item_of_inbox(row: InboxRow, claim: OwnedLane, service: Service, codec: Decoding) -> Item:
    """A row that no decider of the service takes is a fault of this program, of now or of another version; it is a dead letter too."""
    try:
        match row.kind:
            case "woken" if service.on_woken:
                woken = Woken(msgspec.json.decode(row.body, type=WakeBody).wait_key)
                return Item(claim, row.key, woken, service.on_woken, service.needs, row.trace, inbox=row.id)
            case "answered" if service.on_answered:
                body = msgspec.json.decode(row.body, type=AnswerBody)
                return Item(claim, row.key, _answered(body), service.on_answered, service.needs, row.trace, inbox=row.id, behind=body.behind)
            case "redriven" | "released":
                return item_again(again_of(row.body), claim, row.id, service, codec)
            case _:
                problem = f"{service.name} has no decider for {row.kind!r}"
    except (ValueError, TypeError) as error:
        problem = f"its content does not decode: {error}"
    cause = Cause("bad-inbox", f"{problem} (inbox row {row.id}); another version of the service may have written it")
    return Item(claim, row.key, None, _undecided, nothing_else, row.trace, inbox=row.id, cause=cause)


def item_again(again: Again, claim: OwnedLane, inbox: int | None, service: Service, codec: Decoding) -> Item:
    """A record that came before, decoded and keyed as one that comes now. Raises ValueError when no route takes its topic any more."""
    route = routes_of(service).get(again.record.topic)
    if route is None:
        raise ValueError(f"no route of {service.name} takes {again.record.topic} any more")
    return structs.replace(item_of_record(again.as_record(claim), route, codec), record=None, inbox=inbox, again=again, behind=True)


def unstorable(item: Item, reason: str) -> Item:
    """What the database refused when it stood alone."""
    cause = Cause("unstorable", f"the database refuses what follows from it: {reason}")
    return structs.replace(item, event=None, trace=None, cause=cause)


def _undecided(state: Any, event: Any, known: Any, now: Any) -> Any:
    raise AssertionError("an item with a cause is never decided on")


def quarantined(record: Record, route: Route, deaths: int) -> Item:
    """A record that this process died of before is not decoded again."""
    message = f"decoding offset {record.offset} of {record.claim.lane[0]} ended the process {deaths} times; the bytes are kept, look at them offline"
    key = _lenient_key(record, route)
    return Item(record.claim, key, None, route.decide, nothing_else, trace_header(record.headers), record, cause=Cause("poison", message))


def routes_of(service: Service) -> Mapping[str, Route]:
    return {route.topic: route for route in service.routes}


def _answered(a: AnswerBody) -> Answered:
    answer = a.done or a.rejected
    if answer is None:
        raise ValueError("an answer is neither done nor rejected")
    return Answered(a.effect_id, a.step, a.target, answer, a.request, a.attempts, a.duration_ms)


def _text_key(record: Record) -> str:
    if not record.key:
        raise Undecodable("no-key", "the record has no key, so it belongs to no contract; its sender must set one")
    if len(record.key) > KEY_BYTES:
        problem = f"the record's key has {len(record.key)} bytes, the limit is {KEY_BYTES}; its sender must name the contract shorter"
        raise Undecodable("bad-key", problem)
    try:
        text = record.key.decode()
    except UnicodeDecodeError as problem:
        raise Undecodable("bad-key", f"the record's key is not UTF-8 ({problem}); its sender must send text") from problem
    if "\x00" in text:
        raise Undecodable("bad-key", "the record's key holds a NUL character, which no database keeps as text; its sender must leave it out")
    return text


def _any_key(record: Record) -> str:
    """For routes that take bytes as they come: a dead letter without a proper key must not become a dead letter once more, and so for ever."""
    return (record.key or b"")[:KEY_BYTES].decode("utf-8", "replace").replace("\x00", "\ufffd")


def _lenient_key(record: Record, route: Route) -> str | None:
    try:
        return f"{route.namespace}:{_text_key(record)}" if route.namespace else _text_key(record)
    except Undecodable:
        return None


def _derived_trace(message: Any) -> str | None:
    """A record that came without a trace starts one that its event id names, the same at every reading."""
    event_id = getattr(message, "event_id", None)
    digits = event_id.replace("-", "").lower() if isinstance(event_id, str) else ""
    return traceparent_of(digits) if UUID_DIGITS(digits) else None
