"""What a decider answers: the new state, and everything that is to follow from it. Nothing here does anything."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from shared.kernel.cause import Cause
from shared.kernel.money import Money
from shared.runtime.answers import Finding, Reply


class Outcome(StrEnum):
    """How an event ended. Every event ends as exactly one of these."""

    APPLIED = "applied"
    WAITING = "waiting"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    DEAD_LETTERED = "dead_lettered"
    HELD = "held"  # behind an unresolved dead letter of the same key; decided by the runtime only


class Emit(Struct, frozen=True, gc=False):
    """A record to publish."""

    topic: str
    key: str
    message: Struct


class Intent(Struct, frozen=True, gc=False):
    """A call to make. Its identity is derived from key, step and content, so deciding it twice is one intent.

    `content` holds JSON values only (text, numbers as text, lists, objects) and is all that the adapter gets to see.
    """

    step: str
    target: str
    content: Mapping[str, Any]


class WaitFor(Struct, frozen=True, gc=False):
    """A named key that is missing; `value` is what the wait holds up."""

    key: str
    queue: str
    reason: str
    value: Money | None = None


class Decision(Struct, frozen=True, gc=False):
    """`state` None leaves the state as it is. `waits` are all that the key waits for from now on (duplicates leave them as they are).

    `supplies` are wait keys whose waiters are to be woken; `rows` are handed to the service's projection in the same transaction.
    """

    outcome: Outcome
    state: object | None = None
    emits: tuple[Emit, ...] = ()
    intents: tuple[Intent, ...] = ()
    waits: tuple[WaitFor, ...] = ()
    supplies: tuple[str, ...] = ()
    rows: tuple[object, ...] = ()
    cause: Cause | None = None
    note: str = ""


def applied(state: object, **what: Any) -> Decision:
    return Decision(Outcome.WAITING if what.get("waits") else Outcome.APPLIED, state, **what)


def duplicate(note: str) -> Decision:
    return Decision(Outcome.DUPLICATE, note=note)


def superseded(note: str, state: object | None = None) -> Decision:
    return Decision(Outcome.SUPERSEDED, state, note=note)


def dead_letter(cause: Cause, state: object | None = None, **what: Any) -> Decision:
    return Decision(Outcome.DEAD_LETTERED, state, cause=cause, **what)


class Known(Protocol):
    """States of other keys, as read for this decision."""

    def get(self, key: str) -> Any: ...


Decider = Callable[[Any, Any, Known, datetime], Decision]
Needs = Callable[[Any, Any, Known], Collection[str]]


def nothing_else(state: Any, event: Any, known: Known) -> Collection[str]:
    """The needs of a decider that looks at its own key only."""
    return ()


@dataclass(frozen=True, slots=True)
class Route:
    """Records of `topic` go to `decide`. The state key is `namespace:record key`, or the record key itself where `namespace` is empty.

    `message` None hands over the bytes as RawRecord. `needs` names the keys whose states the decision wants to see; it is asked again
    with what was found until it names nothing new.
    """

    topic: str
    message: type[Struct] | None
    decide: Decider
    namespace: str = "contract"
    needs: Needs = nothing_else


class Adapter(Protocol):
    """A system that calls go to. `send` must be safe to repeat after `look_up` answered Absent."""

    async def send(self, intent: Intent, effect_id: str) -> Reply: ...
    async def look_up(self, intent: Intent) -> Finding: ...


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a target's published limits allow: calls at once over all instances, and calls a second (None: not limited)."""

    concurrency: int
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    adapter: Adapter
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Service:
    """One service as data. `states` names the state type of each namespace; `""` is the type of keys that route without one.

    `target` finds the system that an intent's target names; raises KeyError for one that is not configured. A service whose next reader
    is in no hurry lingers: a transaction of the broker costs 3 to 4 ms of CPU time, whatever is in it, and so does a batch that reads it.
    """

    name: str
    routes: tuple[Route, ...]
    states: Mapping[str, type]
    on_woken: Decider | None = None
    on_answered: Decider | None = None
    needs: Needs = nothing_else  # of on_woken and on_answered
    target: Callable[[str], Target] | None = None
    project: Callable[..., Any] | None = None  # async (connection, rows) -> None, in the transaction of the decision
    companions: tuple[Callable[..., Any], ...] = field(default=())  # async (Runtime) -> None, beside the loop: doors, consoles
    read_linger_s: float = 0  # how long a batch waits for more records after its first
    publish_linger_s: float = 0  # how long lines that are alone wait for more before they are published


def shared_namespaces(service: Service) -> frozenset[str]:
    """Namespaces whose keys records of several topics change, so that several lanes meet in one key."""
    names = [route.namespace for route in service.routes]
    return frozenset(name for name in names if names.count(name) > 1)
