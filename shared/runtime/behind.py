"""Lines that wait for another lane to tell of the same key first. None waits for ever, since that lane may have halted."""

import asyncio
from collections.abc import Sequence

from shared.runtime.ports import Clock, Outbox
from shared.store.rows import OutboxRow, Place
from shared.telemetry import logs

log = logs.get(__name__)
PATIENCE_S = 300.0  # with a lane that does not move; longer than one takes to recover from the worst that it is known to survive
LOOK_S = 1.0  # counts at the most between two looks: while the database or this process was away, nobody saw whether the lane moved
SHORTEST_S, LONGEST_S = 0.01, 0.25


class Behind:
    """`given_up`: lines that were waited for in vain. Their lanes are waited for again once these are out."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self.outbox, self.clock = outbox, clock
        self.given_up: set[Place] = set()
        self.awaited: tuple[Place, int] | None = None  # what the first line waits for, and what that lane publishes next
        self.waited = self.looked = 0.0

    async def free(self, rows: Sequence[OutboxRow]) -> int:
        """How many of these, from the first on, need not wait. After a pause when there are none."""
        asked = rows[:1] if self.awaited else rows  # while the first one waits, the others do too
        next_out = await self._next_out(asked)
        self.given_up &= next_out.keys()
        in_vain = {place[:2] for place in self.given_up}
        waiting = ((n, row.behind) for n, row in enumerate(asked) if row.behind in next_out)
        free, place = next(((n, place) for n, place in waiting if place and place[:2] not in in_vain), (len(asked), None))
        if free:
            self.awaited = None
        elif place:
            await self._pause(place, next_out[place])
        return free

    async def _next_out(self, rows: Sequence[OutboxRow]) -> dict[Place, int]:
        places = self.given_up.union(row.behind for row in rows if row.behind)
        return await self.outbox.unpublished(list(places)) if places else {}

    async def _pause(self, place: Place, next_out: int) -> None:
        now = self.clock.monotonic()
        moved = self.awaited != (place, next_out)
        self.waited = 0.0 if moved else self.waited + min(now - self.looked, LOOK_S)
        self.awaited, self.looked = (place, next_out), now
        if self.waited < PATIENCE_S:
            await asyncio.sleep(min(LONGEST_S, max(SHORTEST_S, self.waited / 4)))
            return
        log.warning("not_waited_for", topic=place[0], partition=place[1], seq=place[2], patience_s=PATIENCE_S)
        self.awaited = None
        self.given_up.add(place)
