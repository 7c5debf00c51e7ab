"""Answers readers' questions from the projection; what every page shows is kept until something changed."""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg

from services.visibility.adapters import asking as sql
from services.visibility.adapters import listing, sums
from services.visibility.ports import views
from services.visibility.ports.reading import Wanted

FRESH_S = 1.0  # a summary is not made anew sooner: under load every reader of a second sees the same one


class Projection:
    """A `Reader` over the service's own tables. `limit_s` is the agreed time to active in seconds."""

    def __init__(self, db: asyncpg.Pool, limit_s: int) -> None:
        self.db, self.limit_s = db, limit_s
        self._summary: tuple[int, float, views.Summary] | None = None
        self._making = asyncio.Lock()

    async def beats(self) -> int:
        return int(await self.db.fetchval(sql.BEATS))

    async def health(self) -> views.Health:
        at = await self.db.fetchval(sql.BEATS, column=1)
        return views.Health(status="ok", stale_s=(datetime.now(UTC) - at).total_seconds() if at else None)

    async def summary(self) -> views.Summary:
        """Counted anew when something changed, and at the most once a second."""
        async with self._making:
            beats = await self.beats()
            kept = self._summary
            if kept is not None and (kept[0] == beats or time.monotonic() - kept[1] < FRESH_S):
                return kept[2].model_copy(update={"as_of": datetime.now(UTC)}) if kept[0] == beats else kept[2]
            made = await sums.summary(self.db, self.limit_s)
            self._summary = (beats, time.monotonic(), made)
            return made

    async def report(self) -> views.Report:
        return await sums.report(self.db)

    async def contracts(self, wanted: Wanted) -> views.ContractPage:
        return await listing.contracts(self.db, wanted)

    async def units_and_queues(self) -> tuple[list[str], list[str]]:
        units, queues = await self.db.fetch(sql.UNITS), await self.db.fetch(sql.QUEUES)
        return [row[0] for row in units], [row[0] for row in queues]

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
