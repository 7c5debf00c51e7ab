"""What a service keeps in Postgres, as rows."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

Lane = tuple[str, int]  # input topic, partition
Headers = list[tuple[str, bytes]]
Place = tuple[str, int, int]
"""A line of a lane's outbox: topic, partition, sequence."""


@dataclass(frozen=True, slots=True)
class LaneRow:
    lane: Lane
    next: int
    head: int
    epoch: int
    claims: int
    suspect: int | None
    backlog: bool  # outbox rows are there that may not have been published
    topic_id: str = ""  # of the topic that `next` counts in


class StateRow(Struct, frozen=True, gc=False):
    """`stopped`: a dead letter of this key is unresolved. `blocked`: that, or records are still held behind one that was; later ones are held
    too. `told`: where it was published last, for keys that several lanes change."""

    version: int
    waiting: bool
    body: bytes | None
    origin: bytes | None
    blocked: bool
    stopped: bool = False
    told: Place | None = None


class InboxRow(Struct, frozen=True, gc=False):
    id: int
    lane: Lane
    key: str
    kind: str
    body: bytes
    trace: str | None


def inbox_row(r: Any) -> InboxRow:
    """From a record of the table."""
    return InboxRow(r["id"], (r["topic"], r["part"]), r["key"], r["kind"], r["body"], r["trace"])


class OutboxRow(Struct, frozen=True, gc=False):
    """`behind`: the line of another lane that tells of the same key and has to be out before this one."""

    seq: int
    target: str
    key: bytes | None
    value: bytes | None
    headers: bytes
    behind: Place | None = None


class Publication(Struct, frozen=True, gc=False):
    """An outbox row that has not got its sequence number yet. `state` is the key that it tells of, where several lanes may tell of it."""

    lane: Lane
    target: str
    key: bytes | None
    value: bytes | None
    headers: bytes
    state: str | None = None


class Fence(Struct, frozen=True, gc=False):
    """Move `lane` from offset `old` to `new`, if it still is at `old` under `epoch`."""

    lane: Lane
    old: int
    new: int
    epoch: int


class StateChange(Struct, frozen=True, gc=False):
    """`version` is the new one; the row must still have the one before it."""

    key: str
    version: int
    waiting: bool
    body: bytes
    origin: bytes | None


class EffectChange(Struct, frozen=True, gc=False):
    """`behind`: it follows from what was decided on again, and gives way to live calls."""

    id: UUID
    lane: Lane
    key: str
    step: str
    target: str
    content: bytes
    trace: str | None
    behind: bool = False


class WaitChange(Struct, frozen=True, gc=False):
    """`read` is the version of the wait key's own state that the decision saw; None when it did not look."""

    key: str
    wait_key: str
    queue: str
    reason: str
    amount: Decimal | None
    currency: str | None
    lane: Lane
    trace: str | None
    read: int | None


class KeptRecord(Struct, frozen=True, gc=False):
    """A record as it came, with the state key it belongs to."""

    lane: Lane
    offset: int
    key: str | None
    record_key: bytes | None
    value: bytes | None
    headers: bytes


class DeadLetterChange(Struct, frozen=True, gc=False):
    """`followed`: the record itself had been decided on; what followed from it failed (a call was refused, a woken decision broke a rule)."""

    record: KeptRecord
    code: str
    message: str
    fingerprint: str
    attempts: int
    followed: bool = False


class RetriedLetter(Struct, frozen=True, gc=False):
    """A dead letter that was decided on again, as item `n` of `plan`. `resolution` None: it stands."""

    plan: int
    n: int
    letter: int
    lane: Lane
    key: str
    status: str
    outcome: str
    detail: str
    resolution: str | None


class JournalRow(Struct, frozen=True, gc=False):
    """`at` is the moment that the decider was given; `kind` is of what came from the inbox."""

    lane: Lane
    epoch: int
    offset: int | None
    inbox: int | None
    key: str | None
    version: int | None
    outcome: str
    note: str
    at: datetime
    kind: str | None = None


@dataclass(slots=True)
class Batch:
    """Everything that one transaction is to write."""

    fences: list[Fence] = field(default_factory=list)
    states: list[StateChange] = field(default_factory=list)
    believed: dict[str, int] = field(default_factory=dict)  # versions of keys that were not read: they must still have them, and be free
    publications: list[Publication] = field(default_factory=list)
    told: dict[str, Place | None] = field(default_factory=dict)  # of keys that several lanes tell of: where that was done last
    effects: list[EffectChange] = field(default_factory=list)
    rewaited: list[str] = field(default_factory=list)  # keys whose waits are replaced
    waits: list[WaitChange] = field(default_factory=list)
    supplies: list[str] = field(default_factory=list)
    dead_letters: list[DeadLetterChange] = field(default_factory=list)
    held: list[KeptRecord] = field(default_factory=list)
    retried: list[RetriedLetter] = field(default_factory=list)
    released: list[int] = field(default_factory=list)  # held records that were decided on
    held_back: list[tuple[int, str]] = field(default_factory=list)  # released too early, with their key: they stay held
    journal: list[JournalRow] = field(default_factory=list)
    inbox_done: list[int] = field(default_factory=list)
    inbox_kept: list[int] = field(default_factory=list)  # nothing could be made of them: they come again once their dead letter is resolved
    rows: list[Any] = field(default_factory=list)
