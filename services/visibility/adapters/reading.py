"""Answers readers' questions from the projection; what every page shows is kept until something changed."""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg

from services.visibility.adapters import asking as sql
from services.visibility.adapters import listing, sums
from services.visibility.ports import views
from services.visibility.ports.reading import Wanted

FRESH_S = 0.5  # a summary is not counted anew sooner: under load every reader of that time sees the same one
PATIENCE_S = 0.05  # how long a reader waits for a new one before it gets the last one
LISTS_S = 10.0
STALE_S = 30.0  # older than this, no reader gets it


class Projection:
    """A `Reader` over the service's own tables. `limit_s` is the agreed time to active in seconds."""

    def __init__(self, db: asyncpg.Pool, limit_s: int) -> None:
        self.db, self.limit_s = db, limit_s
        self._summary: tuple[int, float, views.Summary] | None = None
        self._counting: asyncio.Task[views.Summary] | None = None
        self._lists: tuple[float, tuple[list[str], list[str]]] | None = None

    async def beats(self) -> int:
        return int(await self.db.fetchval(sql.BEATS))

    async def health(self) -> views.Health:
        at = await self.db.fetchval(sql.BEATS, column=1)
        return views.Health(status="ok", stale_s=(datetime.now(UTC) - at).total_seconds() if at else None)

    async def summary(self) -> views.Summary:
        """As of now when nothing changed since it was last counted or counting is quick; else the last one, while a new one is counted."""
        beats, kept = await self.beats(), self._summary
        if kept is not None and (kept[0] == beats or time.monotonic() - kept[1] < FRESH_S):
            return kept[2].model_copy(update={"as_of": datetime.now(UTC)}) if kept[0] == beats else kept[2]
        if self._counting is None or self._counting.done():
            self._counting = asyncio.create_task(self._count(beats))
        if kept is None or time.monotonic() - kept[1] > STALE_S:
            return await asyncio.shield(self._counting)
        done, _ = await asyncio.wait({self._counting}, timeout=PATIENCE_S)
        return self._counting.result() if done else kept[2]

    async def _count(self, beats: int) -> views.Summary:
        made = await sums.summary(self.db, self.limit_s)
        self._summary = (beats, time.monotonic(), made)
        return made

    async def report(self) -> views.Report:
        return await sums.report(self.db)

    async def contracts(self, wanted: Wanted) -> views.ContractPage:
        return await listing.contracts(self.db, wanted)

    async def units_and_queues(self) -> tuple[list[str], list[str]]:
        """What the filters offer; asked anew every ten seconds."""
        if self._lists is None or time.monotonic() - self._lists[0] > LISTS_S:
            units, queues = await self.db.fetch(sql.UNITS), await self.db.fetch(sql.QUEUES)
            self._lists = (time.monotonic(), ([row[0] for row in units], [row[0] for row in queues]))
        return self._lists[1]

    async def contract(self, contract_id: str) -> views.ContractDetail:
        return await listing.contract(self.db, contract_id)

    async def waits(self) -> list[views.WaitLine]:
        return await sums.waiting(self.db)

    async def wait(self, key: str, after: str | None = None, limit: int = 100) -> views.WaitDetail:
        return await listing.wait(self.db, key, after, limit)

    async def causes(self) -> list[views.CauseLine]:
        return await listing.causes(self.db)

    async def letters(self, fingerprint: str | None = None, limit: int = 100) -> list[views.LetterLine]:
        return await listing.letters(self.db, fingerprint, limit=limit)

    async def letter(self, topic: str, partition: int, offset: int) -> views.LetterLine:
        return await listing.letter(self.db, topic, partition, offset)

    async def kpis(self, unit: str | None = None, limit: int = 200) -> views.Kpis:
        return await listing.kpis(self.db, unit, limit, self.limit_s)
