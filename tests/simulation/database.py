"""A database in memory: tables, row locks that transactions hold to their end, and a journal of what was committed."""

import asyncio
from collections.abc import Awaitable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from shared.store.effects import AttemptRow
from shared.store.rows import Batch, DeadLetterChange, EffectChange, InboxRow, KeptRecord, Lane, LaneRow, OutboxRow, Place, StateChange, WaitChange
from tests.simulation.loop import Process
from tests.simulation.world import World

IDLE_S, LOCK_S = 2.0, 3.0
Row = TypeVar("Row")
T = TypeVar("T")


def changed(row: Row, **fields: Any) -> Row:
    """A row with other values in some columns, whatever kind of record it is."""
    return type(row)(**({name: getattr(row, name) for name in type(row).__annotations__} | fields))


@dataclass(slots=True)
class EffectRow:
    """Times in seconds of virtual time."""

    change: EffectChange
    created: float
    due: float
    status: str = "open"
    doubtful: bool = False
    round: int = 1
    attempts: int = 0
    claim: UUID | None = None
    claimed_until: float = 0.0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Committed:
    """One transaction of a batch, as it became visible."""

    at: float
    process: str
    batch: Batch
    numbered: dict[Lane, list[OutboxRow]]
    owners: dict[Lane, int]  # the epoch of each lane's owner at that moment


class Transaction:
    """Row locks of one connection. It ends with its client, or when its client is silent for too long."""

    def __init__(self, database: "Database", process: Process) -> None:
        self.database, self.process = database, process
        self.locks: set[Hashable] = set()
        self.aborted = False
        self.under_way = 0
        self.left = False
        self.touched = database.world.loop.time()
        database.world.after(IDLE_S / 2, self._watch)

    async def lock(self, names: Iterable[Hashable]) -> None:
        """Waits for other holders, LOCK_S seconds at the most."""
        deadline = self.database.world.loop.time() + LOCK_S
        for name in names:
            while (holder := self.database.locks.get(name)) is not None and holder is not self:
                if self.database.world.loop.time() > deadline:
                    self.end()
                    raise asyncpg.LockNotAvailableError(f"canceling statement due to lock timeout on {name}")
                await asyncio.sleep(0.02)
            self.alive()
            self.database.locks[name] = self
            self.locks.add(name)
        self.touched = self.database.world.loop.time()

    def alive(self) -> None:
        if self.aborted:
            raise asyncpg.InterfaceError("connection was closed in the middle of operation")

    async def served(self, statement: Awaitable[T]) -> T:
        """One that has arrived; the client that sent it may have left meanwhile."""
        try:
            return await statement
        finally:
            self.under_way -= 1
            if self.left:
                self.leave()

    def leave(self) -> None:
        """The client closes its connection: behind what it sent on it."""
        self.left = True
        if not self.under_way:
            self.end()

    def end(self) -> None:
        self.aborted = True
        for name in self.locks:
            self.database.locks.pop(name, None)
        self.locks.clear()

    def _watch(self) -> None:
        if self.aborted or self.database.world.over:
            return
        silent = self.database.world.loop.time() - self.touched
        if silent > IDLE_S or (self.process.dead and silent > 0.1):
            self.database.world.say(f"postgres: an idle transaction of {self.process} is ended")
            self.end()
        else:
            self.database.world.after(IDLE_S / 2, self._watch)


@dataclass(slots=True)
class Database:
    world: World
    incarnation: str = "first/00000001"
    lanes: dict[Lane, LaneRow] = field(default_factory=dict)
    deaths: dict[Lane, int] = field(default_factory=dict)
    marked: dict[Lane, int] = field(default_factory=dict)
    states: dict[str, StateChange] = field(default_factory=dict)
    outbox: dict[Lane, dict[int, OutboxRow]] = field(default_factory=dict)
    told: dict[str, Place | None] = field(default_factory=dict)
    markers: dict[Lane, Process] = field(default_factory=dict)  # who noted the suspect
    unsaid: int = 0  # suspects noted again before the one who had noted them could say that it lived
    inbox: dict[int, tuple[InboxRow, float]] = field(default_factory=dict)
    inbox_last: int = 0
    effects: dict[UUID, EffectRow] = field(default_factory=dict)
    ended: list[tuple[UUID, float]] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    waits: dict[tuple[str, str], tuple[float, WaitChange]] = field(default_factory=dict)
    dead: list[DeadLetterChange] = field(default_factory=list)
    held: list[KeptRecord] = field(default_factory=list)
    permits: dict[tuple[str, int], tuple[UUID | None, float]] = field(default_factory=dict)
    history: list[Committed] = field(default_factory=list)
    locks: dict[Hashable, Transaction] = field(default_factory=dict)

    def next_inbox(self) -> int:
        self.inbox_last += 1
        return self.inbox_last

    def blocked(self, key: str) -> bool:
        return any(d.record.key == key for d in self.dead) or any(h.key == key for h in self.held)

    def lane(self, lane: Lane) -> LaneRow:
        return changed(self.lanes[lane], backlog=bool(self.outbox.get(lane)))

    def claim_lane(self, lane: Lane, topic_id: str) -> LaneRow:
        old = self.lanes.get(lane) or LaneRow(lane, 0, 0, 0, 0, None, False, topic_id)
        self.lanes[lane] = changed(old, epoch=old.epoch + 1, claims=old.claims + 1)
        return self.lane(lane)
