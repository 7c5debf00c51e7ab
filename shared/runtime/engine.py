"""The loop: read, decide, commit, publish. One transaction a batch; whatever fails, Postgres says where to go on."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from shared.runtime.committing import Committing, Numbered
from shared.runtime.deciding import Draft
from shared.runtime.decision import Service
from shared.runtime.identity import MadeAnew, TopicUnclear, TopicWatch
from shared.runtime.inbox import Inbox
from shared.runtime.lanes import Lanes
from shared.runtime.owning import Owning
from shared.runtime.ports import Parts
from shared.runtime.publishing import Relays
from shared.runtime.reader import Reader
from shared.runtime.records import Record
from shared.runtime.retry import AGAIN, delay_before
from shared.runtime.settings import RuntimeSettings
from shared.runtime.suspects import Suspects
from shared.runtime.work import Item, item_of_inbox, item_of_record, routes_of
from shared.store.batches import Conflict, Fenced
from shared.store.pool import AWAY
from shared.store.rows import Batch, EffectChange, Fence, Lane
from shared.telemetry import logs
from shared.wire.codec import Codec
from shared.wire.registry import RegistryAway

log = logs.get(__name__)
NOTE_PROGRESS_S = 5.0
DOUBT_S = 60.0  # for so long after trouble, a commit that was given up may still be done: what it publishes is looked for
COMPARE_TOPICS_S = 30.0  # of lanes that nothing comes from
UNPUBLISHED_LIMIT = 100_000


Fetched = tuple[Record, Item | None]  # None: to be decoded with care
Reading = asyncio.Task[list[Fetched]]


class Engine:
    def __init__(self, service: Service, settings: RuntimeSettings, parts: Parts, codec: Codec) -> None:
        self.service, self.settings, self.parts, self.codec, self.store = service, settings, parts, codec, parts.batches
        self.clock = parts.outside.clock
        self.routes = routes_of(service)
        self.lanes = Lanes()
        self.relays = Relays(service, settings, parts)
        self.owning = Owning(parts, self.lanes, self.relays)
        self.inbox = Inbox(parts.batches, self.clock, settings.poll_s, settings.batch_records)
        self.topics = TopicWatch(parts.topic_ids, self.clock)
        self.committing = Committing(service, codec, parts.batches, self.clock, self.topics, self._committed)
        self.suspects = Suspects(parts.lanes, self.routes, codec, self.committing)
        self.intended: Callable[[Sequence[EffectChange]], None] = lambda effects: None
        self.stopping = False
        self.backlog: Callable[[], int] = lambda: 0  # calls waiting to be made
        self.processed = 0
        self.failures = 0
        self.doubt_until = 0.0
        self.working = False
        self.closed = False
        self.reader: Reader | None = None

    async def run(self) -> None:
        """Until `stop`; raises what only a restart or a person can mend."""
        await self.owning.begin()
        self.reader = Reader(self.parts.outside, self.settings, self.service, self.lanes, self.owning.claim, self._let_go)
        monotonic = self.clock.monotonic
        noted = monotonic()
        try:
            reading = self._read()
            while not self.stopping:
                await self._until_work(reading)
                read = reading if reading.done() else None
                if read:
                    reading = self._read()  # fetch and decode the next batch while this one is decided
                await self._step(read)
                if monotonic() - noted > NOTE_PROGRESS_S:
                    noted = monotonic()
                    await self._note_progress()
            with suppress(RegistryAway):  # what was read is the next owner's
                await reading
            self.reader.note_progress(list(self.lanes))
        finally:
            await self._close()

    async def _note_progress(self) -> None:
        """Move fences over markers of transactions: a quiet lane must not wait at an offset that retention will take away."""
        passed = [claim for claim in self.lanes if claim.caught_up_to > claim.next]
        fences = [Fence(claim.lane, claim.next, claim.caught_up_to, claim.epoch) for claim in passed]
        assert self.reader is not None
        try:
            await self._claim_left(self.reader)
            if self.lanes and (fences or self.topics.age > COMPARE_TOPICS_S):
                self.topics.ask({lane[0] for lane in self.lanes.names})
                await self.topics.compare(list(self.lanes))
            if self.clock.monotonic() < self.doubt_until:
                await self.owning.publish_late_commits()
            if fences:
                await self.store.commit(Batch(fences=fences))
                for claim, fence in zip(passed, fences, strict=True):
                    claim.committed(fence.new, claim.head)
        except TopicUnclear as unclear:
            log.info("topics_unclear", reason=str(unclear))
        except (Fenced, MadeAnew, *AWAY) as error:
            await self._recover(error)
        self.reader.note_progress(list(self.lanes))

    async def _claim_left(self, reader: Reader) -> None:
        """Lanes that became ours while the database or their topic was away, topic by topic: one that stays away holds up no other."""
        for topic in sorted({topic for topic, _ in set(reader.unclaimed)}):
            lanes = [lane for lane in set(reader.unclaimed) if lane[0] == topic]
            with suppress(TopicUnclear):
                await reader.take_up(lanes, await self.owning.claim(lanes, tries=1))

    def stop(self) -> None:
        self.stopping = True
        self.inbox.signal.set()

    def _read(self) -> Reading:
        return asyncio.create_task(self._fetch())

    async def _fetch(self) -> list[Fetched]:
        """Records decoded on the reader's thread: the loop has the batch before in hand, and waits for the database for half of its time."""
        assert self.reader is not None
        fetched = await self.reader.read(0 if self._is_full() else self.settings.batch_records, self.settings.poll_s, self._decoded)
        if fetched and self.lanes:  # they may have been given up since
            self.topics.ask({lane[0] for lane in self.lanes.names})
        return fetched

    def _decoded(self, records: Sequence[Record]) -> list[Fetched]:
        routes, codec = self.routes, self.codec
        return [(r, None if r.claim.careful else item_of_record(r, routes[r.claim.lane[0]], codec)) for r in records]

    def _is_full(self) -> bool:
        """Read on only while what follows from it keeps up."""
        return self.backlog() >= self.settings.open_effects_limit or self.relays.backlog >= UNPUBLISHED_LIMIT

    async def _until_work(self, reading: Reading) -> None:
        """Records were read, or the inbox has something."""
        signal = asyncio.create_task(self.inbox.signal.wait())
        await asyncio.wait({reading, signal}, return_when=asyncio.FIRST_COMPLETED)
        signal.cancel()

    async def _step(self, read: Reading | None) -> None:
        trouble: Exception | None = None
        try:
            fetched = read.result() if read else []
            self.working = bool(fetched)  # inbox rows are counted where they lie
            await self._take_all(fetched)
        except (Fenced, Conflict, MadeAnew, TopicUnclear, RegistryAway, *AWAY) as error:
            trouble = error
        finally:
            self.working = trouble is not None
        if trouble is not None:
            await self._recover(trouble)
            self.working = False

    async def _take_all(self, fetched: Sequence[Fetched]) -> None:
        self.owning.drop_unpublishable()
        due = await self.inbox.due(self.lanes)
        items = [item_of_inbox(row, claim, self.service, self.codec) for row in due if (claim := self.lanes.get(row.lane))]
        ours = [(record, item) for record, item in fetched if self.lanes.holds(record.claim)]
        items += [item for _, item in ours if item is not None]
        if items:
            await asyncio.shield(self.committing.take(items))
        for record, item in ours:
            if item is None:
                await self.suspects.take(record)

    async def _recover(self, trouble: Exception) -> None:
        """Go on from where Postgres says, after a pause that grows with what went wrong in a row."""
        self.doubt_until = self.clock.monotonic() + DOUBT_S
        self.committing.memory.forget()
        while not self.stopping:
            try:
                if isinstance(trouble, MadeAnew):
                    self.owning.halt({lane: why for lane, why in trouble.lanes.items() if self.lanes.get(lane)})  # the others are another's to halt
                elif not isinstance(trouble, Conflict | Fenced):
                    self.failures += 1
                    await asyncio.sleep(delay_before(self.failures, self.parts.outside.chance(0.5, 1), AGAIN))
                await self.suspects.survive()
                await self._rewind(f"{type(trouble).__name__}: {trouble}")
                return
            except AWAY as error:
                trouble = error

    def _committed(self, items: Sequence[Item], draft: Draft, numbered: Numbered) -> None:
        for fence in draft.batch.fences:
            if claim := self.lanes.get(fence.lane):
                rows = numbered.get(fence.lane)
                claim.committed(fence.new, rows[-1].seq if rows else claim.head)
        for lane, rows in numbered.items():
            if self.lanes.get(lane) is not None:  # given up meanwhile: its next owner publishes
                self.relays.offer(lane, rows)
        if draft.batch.effects:
            self.intended(draft.batch.effects)
        if draft.batch.supplies:
            self.inbox.wake()
        self.processed += len(items)
        self.failures = 0

    def _let_go(self, lanes: list[Lane]) -> None:
        self.committing.memory.forget()
        self.owning.let_go(lanes)

    async def _rewind(self, why: str) -> None:
        """Forget what is in flight and go on from where Postgres says."""
        log.warning("rewinding", reason=why, failures=self.failures)
        self.inbox.unread = True
        claims = await self.owning.claim_again()
        assert self.reader is not None
        await self.reader.seek(claims)

    async def _close(self) -> None:
        """Publish what is committed, as far as `drain_s` allows: the rest is the next owner's. The relays' threads end last, as the reader lets
        go of their lanes."""
        await self.relays.close(self.settings.drain_s)
        self.topics.close()
        with suppress(*AWAY):
            await self.suspects.survive()
        if self.reader is not None:
            await self.reader.close()
        self.relays.threads.close()
        self.closed = True
