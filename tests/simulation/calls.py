"""The stores of calls and of permits, over the database in memory."""

from collections.abc import Sequence
from uuid import UUID

from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import InboxRow
from tests.simulation.connected import Connected
from tests.simulation.database import Database, EffectRow
from tests.simulation.loop import Process


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
            self.db.ended.append((effect.id, self.now))
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
