"""The stores over the database in memory. Each call is an exchange: its request, its answer, or its process may be lost on the way."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg
import msgspec

from shared.store.batches import Conflict, Fenced, number
from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import Batch, Fence, InboxRow, Lane, LaneRow, OutboxRow, Place, StateRow, WaitChange
from tests.simulation.database import Committed, Database, EffectRow, Transaction, changed
from tests.simulation.loop import Process

T = TypeVar("T")


def _cut(why: str) -> Exception:
    return asyncpg.InterfaceError(f"connection is closed: {why}")


class Connected:
    """A process's connection to the database."""

    def __init__(self, database: Database, process: Process) -> None:
        self.db, self.process, self.world = database, process, database.world

    async def ask(self, what: str, serve: Callable[[], T]) -> T:
        answer: T = await self.world.exchange("postgres", what, serve, _cut)
        return answer

    async def ask_long(self, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        """For statements that may wait for locks."""
        answer: T = await self.world.exchange("postgres", what, serve, _cut)
        return answer

    async def within(self, transaction: Transaction, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        transaction.under_way += 1
        return await self.ask_long(what, lambda: transaction.served(serve()))

    @property
    def now(self) -> float:
        return self.world.loop.time()


class SimulatedLanes(Connected):
    async def claim(self, lanes: Sequence[Lane], topic_ids: Mapping[str, str]) -> list[LaneRow]:
        async def serve() -> list[LaneRow]:
            transaction = Transaction(self.db, self.process)
            try:
                await transaction.lock([("lane", lane) for lane in sorted(lanes)])
                self.world.say(f"postgres: {self.process} claims {sorted(lanes)}")
                return [self.db.claim_lane(lane, topic_ids[lane[0]]) for lane in sorted(lanes)]
            finally:
                transaction.end()

        return await self.ask_long("claim lanes", serve)

    async def read(self, lanes: Sequence[Lane]) -> list[LaneRow]:
        return await self.ask("read lanes", lambda: [self.db.lane(lane) for lane in lanes if lane in self.db.lanes])

    async def mark_suspect(self, lane: Lane, offset: int, epoch: int) -> int:
        def serve() -> int:
            row = self.db.lanes[lane]
            if row.epoch != epoch:
                return 0
            again = self.db.marked.get(lane) != epoch
            if again and row.suspect == offset and (before := self.db.markers.get(lane)) and not before.dead:
                self.db.unsaid += 1
            self.db.markers[lane] = self.process
            self.db.deaths[lane] = self.db.deaths.get(lane, 0) + again if row.suspect == offset else 1
            self.db.marked[lane] = epoch
            self.db.lanes[lane] = changed(row, suspect=offset)
            return self.db.deaths[lane]

        return await self.ask("suspect", serve)

    async def survived(self, lane: Lane, offset: int, epoch: int) -> None:
        def serve() -> None:
            if self.db.lanes[lane].suspect == offset and self.db.deaths.get(lane):
                self.db.deaths[lane] -= 1
                self.db.lanes[lane] = changed(self.db.lanes[lane], suspect=offset if self.db.deaths[lane] else None)
                if self.db.marked[lane] == epoch:
                    del self.db.marked[lane]

        await self.ask("survived", serve)

    async def incarnation(self) -> str:
        return await self.ask("incarnation", lambda: self.db.incarnation)


class SimulatedOutbox(Connected):
    async def pending(self, lane: Lane, after: int, limit: int) -> list[OutboxRow]:
        return await self.ask("pending", lambda: [row for seq, row in sorted(self.db.outbox.get(lane, {}).items()) if seq > after][:limit])

    async def clear(self, lane: Lane, upto: int) -> None:
        def serve() -> None:
            for seq in [seq for seq in self.db.outbox.get(lane, {}) if seq <= upto]:
                del self.db.outbox[lane][seq]

        await self.ask("clear", serve)

    async def unpublished(self, places: Sequence[Place]) -> dict[Place, int]:
        def look() -> dict[Place, int]:
            return {p: min(left) for p in places if (left := self.db.outbox.get(p[:2])) and min(left) <= p[2]}

        return await self.ask("unpublished", look)

    async def head(self, lane: Lane) -> int:
        return await self.ask("head", lambda: self.db.lanes[lane].head)


class SimulatedBatches(Connected):
    per_second = 200.0

    async def load(self, keys: Collection[str]) -> dict[str, StateRow]:
        wanted = sorted(keys)
        return await self.ask("load", lambda: {key: self._state(key) for key in wanted})

    def _state(self, key: str) -> StateRow:
        s = self.db.states.get(key)
        blocked = self.db.blocked(key)
        told = self.db.told.get(key)
        return StateRow(s.version, s.waiting, s.body, s.origin, blocked, blocked, told) if s else StateRow(0, False, None, None, blocked, blocked)

    async def due(self, lanes: Sequence[Lane], limit: int) -> list[InboxRow]:
        def serve() -> list[InboxRow]:
            return [row for _, (row, due) in sorted(self.db.inbox.items()) if row.lane in lanes and due <= self.now][:limit]

        return await self.ask("due", serve)

    async def commit(self, batch: Batch) -> dict[Lane, list[OutboxRow]]:
        """Statement by statement: fences and rows under lock, waits under their keys' lock, then all becomes visible at once."""
        transaction = Transaction(self.db, self.process)
        try:
            await self.within(transaction, "fences", lambda: self._move(transaction, batch.fences))
            await self.within(transaction, "rows", lambda: self._check(transaction, batch))
            woken = await self.within(transaction, "waits", lambda: self._waits(transaction, batch))
            return await self.within(transaction, "COMMIT", lambda: self._apply(transaction, batch, woken))
        finally:
            self.world.after(0, transaction.leave)

    async def _move(self, transaction: Transaction, fences: Sequence[Fence]) -> None:
        ordered = sorted(fences, key=lambda f: f.lane)
        await transaction.lock([("lane", f.lane) for f in ordered])
        if passed := {f.lane for f in ordered if not self.fits(f)}:
            raise Fenced(passed)

    def fits(self, fence: Fence) -> bool:
        row = self.db.lanes[fence.lane]
        return row.next == fence.old and row.epoch == fence.epoch

    async def _check(self, transaction: Transaction, batch: Batch) -> None:
        transaction.alive()
        saved = {s.key for s in batch.states}
        if any(self.db.blocked(key) or (key not in saved and self._state(key).version != seen) for key, seen in batch.believed.items()):
            raise Conflict("a state was not as it had been left")
        await transaction.lock([("state", s.key) for s in sorted(batch.states, key=lambda s: s.key)])
        for s in batch.states:
            if (self.db.states[s.key].version if s.key in self.db.states else 0) != s.version - 1:
                raise Conflict("a state changed while it was decided on")
        await transaction.lock([("inbox", i) for i in batch.inbox_done])
        if any(i not in self.db.inbox for i in batch.inbox_done):
            raise Conflict("an inbox row was decided on elsewhere")
        await transaction.lock([("effect", e.id) for e in batch.effects])

    async def _waits(self, transaction: Transaction, batch: Batch) -> list[tuple[InboxRow, float]]:
        transaction.alive()
        await transaction.lock([("wait", k) for k in sorted({w.wait_key for w in batch.waits} | set(batch.supplies))])
        woken: list[WaitChange] = [w for w in batch.waits if w.wait_key not in batch.supplies and self.missed(w)]
        waiting = {identity: kept for identity, kept in self.db.waits.items() if identity[0] not in batch.rewaited}
        waiting |= {(w.key, w.wait_key): self.db.waits.get((w.key, w.wait_key), (self.now, w)) for w in batch.waits}
        woken += [w for _, (_, w) in sorted(waiting.items(), key=lambda kept: kept[1][0]) if w.wait_key in batch.supplies]
        return [(self._woken(w), self.now + i / self.per_second) for i, w in enumerate(woken)]

    def missed(self, wait: WaitChange) -> bool:
        """Supplied between the decision's read and the lock."""
        state = self.db.states.get(wait.wait_key)
        return wait.read is not None and state is not None and state.version != wait.read

    def _woken(self, w: WaitChange) -> InboxRow:
        return InboxRow(self.db.next_inbox(), w.lane, w.key, "woken", msgspec.json.encode({"wait_key": w.wait_key}), w.trace)

    async def _apply(self, transaction: Transaction, batch: Batch, woken: list[tuple[InboxRow, float]]) -> dict[Lane, list[OutboxRow]]:
        transaction.alive()
        db = self.db
        counts: dict[Lane, int] = {}
        for publication in batch.publications:
            counts[publication.lane] = counts.get(publication.lane, 0) + 1
        for f in batch.fences:
            row = db.lanes[f.lane]
            head = row.head + counts.get(f.lane, 0)
            db.lanes[f.lane] = changed(row, next=f.new, head=head, **({"claims": 0, "suspect": None} if f.new > f.old else {}))
        numbered = number(batch.publications, {f.lane: db.lanes[f.lane].head for f in batch.fences}, batch.told)
        db.told |= batch.told
        for lane, rows in numbered.items():
            db.outbox.setdefault(lane, {}).update({r.seq: r for r in rows})
        db.states |= {s.key: changed(s, origin=s.origin or (db.states[s.key].origin if s.key in db.states else None)) for s in batch.states}
        for i in batch.inbox_done:
            del db.inbox[i]
        for change in batch.effects:
            self._intend(change.id, EffectRow(change, self.now, self.now))
        db.dead += batch.dead_letters
        db.held += batch.held
        kept = {(w.key, w.wait_key): db.waits.get((w.key, w.wait_key), (self.now, w))[0] for w in batch.waits}
        db.waits = {i: w for i, w in db.waits.items() if i[0] not in batch.rewaited}
        db.waits |= {(w.key, w.wait_key): (kept[w.key, w.wait_key], w) for w in batch.waits}
        db.inbox |= {row.id: (row, due) for row, due in woken}
        db.history.append(Committed(self.now, str(self.process), batch, numbered, {f.lane: db.lanes[f.lane].epoch for f in batch.fences}))
        self.world.say(f"postgres: commit {[(f.lane[1], f.old, f.new, f.epoch) for f in batch.fences]} {[(j.key, j.outcome) for j in batch.journal]}")
        transaction.end()
        return numbered

    def _intend(self, identity: UUID, row: EffectRow) -> None:
        old = self.db.effects.get(identity)
        if old is None:
            self.db.effects[identity] = row
        elif old.status in ("done", "rejected"):
            row.round = old.round + 1
            self.db.effects[identity] = row


class SimulatedEffects(Connected):
    async def waiting(self) -> dict[str, int]:
        def serve() -> dict[str, int]:
            counts: dict[str, int] = {}
            for row in self.db.effects.values():
                if row.status in ("open", "claimed"):
                    counts[row.change.target] = counts.get(row.change.target, 0) + 1
            return counts

        return await self.ask("effects waiting", serve)

    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]:
        def free(row: EffectRow) -> bool:
            return row.change.target == target and row.due <= self.now and (
                row.status == "open" or (row.status == "claimed" and row.claimed_until < self.now)
            )  # fmt: skip

        def serve() -> list[ClaimedEffect]:
            rows = sorted((row for row in self.db.effects.values() if free(row)), key=lambda row: row.due)[:limit]
            return [self._claimed(row, lease) for row in rows]

        return await self.ask("claim effects", serve)

    def _claimed(self, row: EffectRow, lease: float) -> ClaimedEffect:
        row.doubtful = row.doubtful or row.status == "claimed"
        row.status, row.claim, row.claimed_until = "claimed", UUID(int=self.world.random.getrandbits(128)), self.now + lease
        row.attempts += 1
        c = row.change
        self.world.say(f"postgres: {self.process} claims {c.key} {c.step}, attempt {row.attempts}{', doubtful' if row.doubtful else ''}")
        return ClaimedEffect(
            c.id,
            row.claim,
            row.round,
            c.lane,
            c.key,
            c.step,
            c.target,
            c.content,
            c.trace,
            row.doubtful,
            row.attempts,
            c.behind,
            self.now - row.created,
        )

    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow) -> None:
        def serve() -> None:
            row = self.db.effects[effect.id]
            if self.ours(row, effect):
                row.status, row.due, row.doubtful = "open", self.now + delay, doubtful

        await self.ask("postpone", serve)

    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None:
        await self.postpone(effect, delay, True, attempt)

    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow) -> InboxRow | None:
        def serve() -> InboxRow | None:
            row = self.db.effects[effect.id]
            if not self.ours(row, effect):
                return None
            row.status, row.doubtful, row.body = status, False, body
            c = row.change
            self.world.say(f"postgres: {c.key} {c.step} is {status}")
            answer = InboxRow(self.db.next_inbox(), c.lane, c.key, "answered", body, c.trace)
            self.db.inbox[answer.id] = answer, self.now
            return answer

        return await self.ask("end", serve)

    def ours(self, row: EffectRow, effect: ClaimedEffect) -> bool:
        return row.claim == effect.claim and row.status == "claimed"


class SimulatedPermits(Connected):
    def __init__(self, database: Database, process: Process, holder: UUID) -> None:
        super().__init__(database, process)
        self.holder = holder

    async def prepare(self, target: str, concurrency: int) -> None:
        def serve() -> None:
            for slot in range(concurrency):
                self.db.permits.setdefault((target, slot), (None, -1.0))

        await self.ask("permits", serve)

    async def take(self, target: str, lease: float, concurrency: int, wanted: int) -> set[int]:
        def serve() -> set[int]:
            free = [slot for (t, slot), (_, until) in sorted(self.db.permits.items()) if t == target and until < self.now][:wanted]
            self.db.permits |= {(target, slot): (self.holder, self.now + lease) for slot in free}
            return set(free)

        return await self.ask("take permits", serve)

    async def renew(self, target: str, lease: float) -> set[int]:
        def serve() -> set[int]:
            mine = [s for (t, s), (holder, until) in self.db.permits.items() if t == target and holder == self.holder and until > self.now]
            self.db.permits |= {(target, slot): (self.holder, self.now + lease) for slot in mine}
            return set(mine)

        return await self.ask("renew permits", serve)

    async def free(self, target: str, slots: set[int]) -> None:
        def serve() -> None:
            for slot in slots:
                if self.db.permits[target, slot][0] == self.holder:
                    self.db.permits[target, slot] = None, -1.0

        await self.ask("free permits", serve)
