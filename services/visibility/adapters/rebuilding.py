"""Builds the projection anew from the first record that the topics hold, beside the one that goes on serving, and swaps when it has caught up."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import structs

from services.visibility.adapters import swapping
from shared.runtime.decision import Service
from shared.runtime.replaying.deciding import AT_ONCE, Decider, Unwritten
from shared.runtime.replaying.log import Log, Read, spans_of
from shared.runtime.replaying.progress import shown
from shared.runtime.replaying.where import Where
from shared.runtime.settings import RuntimeSettings
from shared.runtime.work import Item
from shared.store.batches import BatchStore
from shared.store.rows import Batch, Lane
from shared.store.shadow import Shadow, ShadowError, Span, open_shadow, rooms_beside, scripts_of
from shared.wire.codec import Codec
from shared.wire.registry import Registry

PIECE = 2000
NEAR = 500  # so few records behind, the running service may wait for the rest
TRIES = 20
FURTHER = 1_000_000  # decisions on one contract while it is rebuilt: more than there will be
HEARD = 'select topic, part, "offset", at from {live}.journal where topic = any($1::text[]) and "offset" is not null and inbox is null'
BURIED = """
select s.code, s.message, s.topic, s.part, s."offset" from dead_letter s
where not exists (select from {live}.dead_letter l where (l.topic, l.part, l."offset") = (s.topic, s.part, s."offset")) order by s.id
"""


async def rebuild(service: Service, settings: RuntimeSettings) -> dict[str, Any]:
    """Rows before and after. Until the last moment nothing that serves is touched. Raises ShadowError, RegistryAway, KafkaException."""
    dsn = settings.postgres.get_secret_value()
    async with open_shadow(dsn, rooms_beside(service.name)[1]) as shadow:
        await shadow.make(scripts_of(service.name))
        await swapping.empty(shadow)
        spans = await _spans(service, settings, shadow)
        await shadow.enter(spans)
        log = Log(settings.kafka, spans)
        try:
            rebuilding = Rebuilding(service, settings, shadow, log, await _heard(service, shadow), await _top(shadow))
            with shown(f"rebuilding {service.name}", sum(span.past - span.first for span in spans)) as advance:
                await rebuilding.fold(advance)
                return await rebuilding.finish(advance)
        finally:
            log.close()


async def _spans(service: Service, settings: RuntimeSettings, shadow: Shadow) -> list[Span]:
    """Not beyond what the running service has decided on: what it decides on after the swap, it also publishes."""
    done = await swapping.positions(shadow)
    spans = spans_of(settings.kafka, [route.topic for route in service.routes], Where(), Where())
    return [replace(span, past=max(span.first, min(span.past, done.get(span.lane, 0)))) for span in spans]


async def _heard(service: Service, shadow: Shadow) -> dict[tuple[Lane, int], datetime]:
    """When each dead letter was first read: the projection shows that moment, and only the journal knows it."""
    topics = [route.topic for route in service.routes if route.message is None]
    rows = await shadow.pool.fetch(HEARD.format(live=shadow.live), topics)
    return {((r["topic"], r["part"]), r["offset"]): r["at"] for r in rows}


async def _top(shadow: Shadow) -> int:
    return int(await shadow.pool.fetchval(f"select coalesce(max(version), 0) from {shadow.live}.state"))  # noqa: S608  the schema is our own


class Rebuilding:
    def __init__(
        self, service: Service, settings: RuntimeSettings, shadow: Shadow, log: Log, heard: dict[tuple[Lane, int], datetime], top: int
    ) -> None:
        self.service, self.settings, self.shadow, self.log, self.heard = service, settings, shadow, log, heard
        self.first_version = top + FURTHER
        store = BatchStore(shadow.pool, service.project, AT_ONCE)
        self.decider = Decider(service, Codec(Registry(settings.registry)), store, log, Unwritten(), self._trim)
        self.records = 0

    def _trim(self, batch: Batch) -> None:
        """Nothing is published from here. Versions lie above all live ones, so that a decision made on a state before the swap cannot be
        committed on the state behind it: the running service meets a conflict, and decides again."""
        batch.publications.clear()
        batch.journal.clear()
        batch.states = [structs.replace(state, version=self.first_version) if state.version == 1 else state for state in batch.states]

    async def fold(self, advance: Callable[[int], None]) -> None:
        """Decide on everything that the log is set to. The next piece is read and decoded while the database has the one before in hand."""
        self.decider.poison = await self.shadow.poison()  # anew each time: the running service goes on, and may have met more
        pieces = self.log.rest(PIECE)
        reading = self._read(pieces)
        try:
            while piece := await reading:
                reading = self._read(pieces)
                await self.decider.decide([item for item, _ in piece], piece[-1][1])
                self.records += len(piece)
                advance(len(piece))
        finally:
            await asyncio.wait({reading})  # the log is closed behind this

    def _read(self, pieces: Iterator[Sequence[Read]]) -> "asyncio.Task[list[tuple[Item, datetime]]]":
        return asyncio.create_task(asyncio.to_thread(self._decoded, pieces))

    def _decoded(self, pieces: Iterator[Sequence[Read]]) -> list[tuple[Item, datetime]]:
        """Each with the first moment at which it can have been read; none behind the last piece."""
        known = self.heard
        return [(self.decider.item(read, known.get((read.record.claim.lane, read.record.offset))), read.at) for read in next(pieces, ())]

    async def finish(self, advance: Callable[[int], None]) -> dict[str, Any]:
        """Catch up until little is left, then hold the running service for the rest, and swap."""
        for _ in range(TRIES):
            while self._behind(await swapping.positions(self.shadow)) > NEAR:
                await self.fold(advance)
            try:
                return await self._swap(advance)
            except asyncpg.LockNotAvailableError:  # a reader or a batch took long; nothing has changed
                continue
        raise ShadowError(f"The new projection is ready, but the old one was in use at {TRIES} tries to swap: run this again when it is quieter.")

    def _behind(self, ends: dict[Lane, int]) -> int:
        """Records that the running service is ahead; they are read next."""
        if unknown := ends.keys() - self.log.past.keys():
            raise ShadowError(f"Partitions were added meanwhile ({len(unknown)}): run this again.")
        behind = sum(max(0, end - self.log.past[lane]) for lane, end in ends.items())
        self.log.extend(ends)
        return behind

    async def _swap(self, advance: Callable[[int], None]) -> dict[str, Any]:
        figures = [route.topic for route in self.service.routes if route.namespace in ("kpi", "sla")]
        async with self.shadow.pool.acquire() as witness, witness.transaction(isolation="repeatable_read", readonly=True):
            async with swapping.standing_still(self.settings.postgres.get_secret_value(), self.shadow) as (db, ends):
                self._behind(ends)
                await self.fold(advance)
                await self._accept()
                kept = await swapping.keep_older(self.shadow, figures)
                await witness.fetchval("select pg_current_snapshot()")  # sees both projections at the same offsets, whatever they are called later
                await swapping.change_places(db, self.shadow)
            found = await swapping.compared(witness, self.shadow.live)
        await swapping.empty(self.shadow)
        return {"records": self.records, "kept": kept, **found}

    async def _accept(self) -> None:
        """Raises ShadowError when the new projection stops where the old one did not."""
        buried = await self.shadow.pool.fetch(BURIED.format(live=self.shadow.live))
        if buried:
            first = buried[0]
            place = f"{first['topic']}/{first['part']}:{first['offset']}"
            raise ShadowError(
                f"{len(buried)} records that were taken before are refused now, the first at {place} ({first['code']}: {first['message']}). "
                "The old projection goes on serving; mend the decider, then run this again."
            )
