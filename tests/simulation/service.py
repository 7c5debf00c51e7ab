"""The service that is simulated: accounts in revisions, which wait for their parents, are published, and made in an ERP one call at a time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from shared.kernel.cause import Cause
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import (
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
    superseded,
)
from shared.runtime.events import Answered, Received, Woken
from shared.wire.limits import Undecodable
from tests.simulation.erp import SimulatedAdapter

TENANTS = 2  # of the ERP: calls to both are started side by side
NAME, SOURCE, HINTS, OUTPUT, DEAD_LETTERS, POSITIONS = "sim", "in", "hints", "out", "sim.dlt.v1", "sim.position.v1"
INPUTS = (SOURCE, HINTS)
POISON, KILLER = b"\x00poison", b"\x00killer"


class Told(msgspec.Struct, frozen=True):
    event_id: str
    revision: int
    parent: str | None = None
    kind: str = "fine"  # or bad: breaks a rule; bug: its decider raises; refused: by the ERP


class Hint(msgspec.Struct, frozen=True):
    """Of an account too, from another topic: it changes nothing but what is said, and lanes of both topics meet in one key."""

    event_id: str


class Said(msgspec.Struct, frozen=True):
    event_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`calling` and `made`: the revision on its way to the ERP, and those that are there."""

    name: str
    seen: tuple[str, ...] = ()
    revision: int = 0
    parent: str | None = None
    waiting: bool = False
    refused: bool = False
    said: int = 0
    calling: int | None = None
    made: tuple[int, ...] = ()


class JsonCodec:
    """Bytes that begin with a zero are no message; some of them end the process that decodes them."""

    def __init__(self, die: Callable[[], None]) -> None:
        self.die = die

    def encode(self, message: Any, topic: str) -> bytes:
        return msgspec.json.encode(message)

    def decode(self, value: bytes, expected: type) -> Any:
        if value == KILLER:
            self.die()
        if value.startswith(b"\x00"):
            raise Undecodable("poison", "these bytes are no message")
        return msgspec.json.decode(value, type=expected)


def on_told(state: Account | None, event: Received[Told], known: Known, now: datetime) -> Decision:
    told = event.message
    state = state or Account(name=event.key)
    if told.event_id in state.seen:
        return duplicate("seen before")
    if told.kind == "bad":
        return dead_letter(Cause("bad", f"{told.event_id} breaks a rule"))
    if told.kind == "bug":
        raise RuntimeError("the decider has a bug")
    if told.revision < state.revision:
        return superseded("a later revision was there first", replace(state, seen=(*state.seen, told.event_id)))
    refused = told.kind == "refused"
    state = replace(state, seen=(*state.seen, told.event_id), revision=told.revision, parent=told.parent, refused=refused)
    return _settle(state, known, told.event_id)


def on_hint(state: Account | None, event: Received[Hint], known: Known, now: datetime) -> Decision:
    return _settle(state or Account(name=event.key), known, event.message.event_id)


def on_woken(state: Account, event: Woken, known: Known, now: datetime) -> Decision:
    if known.get(event.wait_key) is None:
        return replace(_settle(state, known), note="woken for nothing")
    return _settle(state, known)


def on_answered(state: Account, event: Answered, known: Known, now: datetime) -> Decision:
    if state.calling is None:
        return Decision(Outcome.SUPERSEDED, note="answered twice")
    number, state = state.calling, replace(state, calling=None)
    match event.answer:
        case Rejected(cause=cause):
            return dead_letter(cause, state, waits=_waits(state, known))
        case Done():
            return _settle(replace(state, made=(*state.made, number)), known)


def _settle(state: Account, known: Known, told: str | None = None) -> Decision:
    supplies = (f"account:{state.name}",) if told else ()
    if waits := _waits(state, known):
        return Decision(Outcome.WAITING, replace(state, waiting=True), waits=waits, supplies=supplies)
    emits: tuple[Emit, ...] = ()
    if told or state.waiting:
        state = replace(state, said=state.said + 1, waiting=False)
        emits = (Emit(OUTPUT, state.name, Said(told or state.seen[-1], state.said)),)
    intents: tuple[Intent, ...] = ()
    if state.seen and state.calling is None and state.revision not in state.made:
        state = replace(state, calling=state.revision)
        content = {"account": state.name, "number": str(state.revision), "refused": "yes" if state.refused else "no"}
        intents = (Intent("make", f"erp-{state.revision % TENANTS}", content),)
    return applied(state, emits=emits, intents=intents, supplies=supplies)


def _waits(state: Account, known: Known) -> tuple[WaitFor, ...]:
    if state.parent is None or known.get(f"account:{state.parent}") is not None:
        return ()
    return (WaitFor(f"account:{state.parent}", "somebody", "the parent is not known yet"),)


def _needs(state: Account | None, event: Any, known: Known) -> Collection[str]:
    parents = {state.parent} if state else set()
    match event:
        case Received(message=Told(parent=parent)):
            parents.add(parent)
        case Woken(wait_key=key):
            return {key} | {f"account:{p}" for p in parents if p}
    return {f"account:{p}" for p in parents if p}


def service_of(adapter: SimulatedAdapter, concurrency: int, linger_s: float) -> Service:
    target = Target(adapter, Allowance(concurrency))
    return Service(
        name=NAME,
        routes=(Route(SOURCE, Told, on_told, "account", _needs), Route(HINTS, Hint, on_hint, "account", _needs)),
        states={"account": Account},
        on_woken=on_woken,
        on_answered=on_answered,
        needs=_needs,
        target=lambda name: target,
        publish_linger_s=linger_s,
    )
