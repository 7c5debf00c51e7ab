"""The stores of lanes and of their outboxes, over the database in memory."""

from collections.abc import Mapping, Sequence

from shared.store.rows import Lane, LaneRow, OutboxRow, Place
from tests.simulation.connected import Connected
from tests.simulation.database import Transaction, changed


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
