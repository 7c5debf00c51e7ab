"""The store that commits batches, over the database in memory."""

import math
from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from shared.store.batches import Conflict, Fenced, number
from shared.store.rows import Batch, Fence, InboxRow, Lane, OutboxRow, StateRow, WaitChange
from tests.simulation.connected import Connected
from tests.simulation.database import Committed, EffectRow, Transaction, changed


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
        taken = (*batch.inbox_done, *batch.inbox_kept)
        await transaction.lock([("inbox", i) for i in taken])
        if any(i not in self.db.inbox for i in taken):
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
        db.inbox |= {i: (db.inbox[i][0], math.inf) for i in batch.inbox_kept}
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
