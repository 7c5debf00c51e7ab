"""Lines that wait for another lane to tell of the same key first. None waits for ever, since that lane may have halted."""

import asyncio
from collections.abc import Sequence

from shared.runtime.ports import Clock, Outbox
from shared.store.rows import OutboxRow, Place
from shared.telemetry import logs

log = logs.get(__name__)
PAUSE_S, PATIENCE_S = 0.01, 120.0  # longer than what breaks one lane and not another lasts, its recovery included


class Behind:
    """`given_up`: lines that were waited for in vain. Their lanes are waited for again once these are out."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self.outbox, self.clock = outbox, clock
        self.since: float | None = None
        self.given_up: set[Place] = set()

    async def free(self, rows: Sequence[OutboxRow]) -> int:
        """How many of these, from the first on, need not wait. After a pause when there are none."""
        waiting = await self._unpublished(rows)
        self.given_up &= waiting
        in_vain = {place[:2] for place in self.given_up}
        awaited = ((n, row.behind) for n, row in enumerate(rows) if row.behind in waiting)
        free, place = next(((n, place) for n, place in awaited if place and place[:2] not in in_vain), (len(rows), None))
        if free:
            self.since = None
        elif place:
            await self._pause(place)
        return free

    async def _unpublished(self, rows: Sequence[OutboxRow]) -> set[Place]:
        places = self.given_up.union(row.behind for row in rows if row.behind)
        return await self.outbox.unpublished(list(places)) if places else set()

    async def _pause(self, place: Place) -> None:
        now = self.clock.monotonic()
        self.since = now if self.since is None else self.since
        if now - self.since < PATIENCE_S:
            await asyncio.sleep(PAUSE_S)
            return
        log.warning("not_waited_for", topic=place[0], partition=place[1], seq=place[2], patience_s=PATIENCE_S)
        self.since = None
        self.given_up.add(place)
