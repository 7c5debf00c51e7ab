"""The loop: read, decide, commit, publish. One transaction a batch; whatever fails, Postgres says where to go on."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from shared.runtime.book import Book
from shared.runtime.deciding import Deciding, Draft, needed
from shared.runtime.decision import Service
from shared.runtime.identity import MadeAnew, TopicUnclear, TopicWatch, all_known, strangers
from shared.runtime.inbox import Inbox
from shared.runtime.lanes import Lanes, OwnedLane
from shared.runtime.memory import Memory
from shared.runtime.ports import Parts
from shared.runtime.positions import Publisher
from shared.runtime.reader import Reader
from shared.runtime.records import Record
from shared.runtime.relay import Relay
from shared.runtime.retry import Backoff, delay_before
from shared.runtime.runner import whose
from shared.runtime.settings import RuntimeSettings
from shared.runtime.work import Item, item_of_inbox, item_of_record, quarantined, routes_of, unstorable
from shared.store.batches import REFUSED, Conflict, Fenced
from shared.store.pool import AWAY
from shared.store.rows import Batch, EffectChange, Fence, Lane, LaneRow, OutboxRow, StateRow
from shared.telemetry import logs, tracing
from shared.telemetry.metrics import METRICS
from shared.wire.codec import Codec
from shared.wire.registry import RegistryAway

log = logs.get(__name__)
AGAIN = Backoff(first=0.1, limit=5.0)
PASSES = 50  # chains of keys that lead to keys are short; more passes mean a decider that always asks for something new
DEATHS_TO_QUARANTINE = 2
CLAIM_TRIES = 12
NOTE_PROGRESS_S = 5.0
DOUBT_S = 60.0  # for so long after trouble, a commit that was given up may still be done: what it publishes is looked for
COMPARE_TOPICS_S = 30.0  # of lanes that nothing comes from
UNPUBLISHED_LIMIT = 100_000


Fetched = tuple[Record, Item | None]  # None: to be decoded with care
Reading = asyncio.Task[list[Fetched]]


class LaneLost(RuntimeError):
    """Another process has claimed a lane that the group still gives to us: this one was frozen, or is not alone. It ends and joins anew."""


class DatabaseChanged(RuntimeError):
    """Another database, or an earlier time of it, answers than at the start: a restore or a failover. The process ends; a new one compares its
    lanes with what was published, and halts those that contradict it. Going on would give out numbers that are published already."""


class Engine:
    def __init__(self, service: Service, settings: RuntimeSettings, parts: Parts, codec: Codec) -> None:
        self.service, self.settings, self.parts, self.codec = service, settings, parts, codec
        self.routes = routes_of(service)
        self.lanes = Lanes()
        self.memory = Memory(service)
        self.lane_store, self.outbox, self.store = parts.lanes, parts.outbox, parts.batches
        self.threads = parts.outside.worker("relay", 32)
        self.relays: dict[Lane, Relay] = {}
        self.relay_tasks: dict[Lane, asyncio.Task[None]] = {}
        self.inbox = Inbox(parts.batches, parts.outside.clock, settings.poll_s, settings.batch_records)
        self.topics = TopicWatch(parts.topic_ids, parts.outside.clock)
        self.intended: Callable[[Sequence[EffectChange]], None] = lambda effects: None
        self.stopping = False
        self.backlog: Callable[[], int] = lambda: 0  # calls waiting to be made
        self.processed = 0
        self.failures = 0
        self.doubt_until = 0.0
        self.working = False
        self.closed = False
        self.noted: list[tuple[Lane, int, int]] = []  # records noted as suspect, by lane, offset and epoch: neither committed nor taken back yet
        self.halted: dict[Lane, str] = {}  # lanes that are ours, and why nothing is taken from them
        self.incarnation = ""
        self.reader: Reader | None = None

    async def run(self) -> None:
        """Until `stop`; raises what only a restart or a person can mend."""
        self.incarnation = await self.lane_store.incarnation()
        topics = [route.topic for route in self.service.routes]
        self.reader = Reader(self.parts.outside, self.settings, self.service.name, topics, self.lanes, self._claim, self._let_go)
        monotonic = self.parts.outside.clock.monotonic
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
            if self.lanes and (fences or self.topics.age > COMPARE_TOPICS_S):
                self.topics.ask({lane[0] for lane in self.lanes.names})
                await self.topics.compare(list(self.lanes))
            if self.parts.outside.clock.monotonic() < self.doubt_until:
                rows = await self.lane_store.read(self.lanes.names)
                self._publish_backlog([row for row in rows if (claim := self.lanes.get(row.lane)) and claim.epoch == row.epoch])
            if fences:
                await self.store.commit(Batch(fences=fences))
                for claim, fence in zip(passed, fences, strict=True):
                    claim.committed(fence.new, claim.head)
        except TopicUnclear as unclear:
            log.info("topics_unclear", reason=str(unclear))
        except (Fenced, MadeAnew, *AWAY) as error:
            await self._recover(error)
        self.reader.note_progress(list(self.lanes))

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
        unpublished = sum(relay.backlog for relay in self.relays.values())
        return self.backlog() >= self.settings.open_effects_limit or unpublished >= UNPUBLISHED_LIMIT

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
        due = await self.inbox.due(self.lanes)
        items = [item_of_inbox(row, claim, self.service, self.codec) for row in due if (claim := self.lanes.get(row.lane))]
        ours = [(record, item) for record, item in fetched if self.lanes.holds(record.claim)]
        items += [item for _, item in ours if item is not None]
        if items:
            await asyncio.shield(self._decide_and_commit(items))
        for record, item in ours:
            if item is None:
                await self._take_carefully(record)

    async def _recover(self, trouble: Exception) -> None:
        """Go on from where Postgres says, after a pause that grows with what went wrong in a row."""
        self.doubt_until = self.parts.outside.clock.monotonic() + DOUBT_S
        self.memory.forget()
        while not self.stopping:
            try:
                if isinstance(trouble, MadeAnew):
                    self._halt({lane: why for lane, why in trouble.lanes.items() if self.lanes.get(lane)})  # the others are another's to halt
                elif not isinstance(trouble, Conflict | Fenced):
                    self.failures += 1
                    await asyncio.sleep(delay_before(self.failures, self.parts.outside.chance(0.5, 1), AGAIN))
                await self._survive()
                await self._rewind(f"{type(trouble).__name__}: {trouble}")
                return
            except AWAY as error:
                trouble = error

    async def _take_carefully(self, record: Record) -> None:
        """One record at a time, noted before it is decoded: the one that ends the process twice is put aside undecoded."""
        lane, route = record.claim.lane, self.routes[record.claim.lane[0]]
        self.noted.append((lane, record.offset, record.claim.epoch))  # before it is: the answer may be lost, and then it has to be taken back too
        deaths = await self.lane_store.mark_suspect(lane, record.offset, record.claim.epoch) - 1
        item = quarantined(record, route, deaths) if deaths >= DEATHS_TO_QUARANTINE else item_of_record(record, route, self.codec)
        await asyncio.shield(self._decide_and_commit([item]))
        self.noted.clear()  # one at a time, so there is but this one
        record.claim.careful = max(0, record.claim.careful - 1)

    async def _survive(self) -> None:
        """Take back what is noted: whoever can say so did not die of it. Only what is left behind by the dead counts as a death."""
        while self.noted:
            await self.lane_store.survived(*self.noted[-1])
            self.noted.pop()

    async def _decide_and_commit(self, items: Sequence[Item]) -> None:
        began_ns = time.time_ns()
        book = Book(self.service.states, {})
        self.memory.recall({item.key for item in items if item.key}, book)
        draft, book = await self._decide(items, book)
        await self.topics.compare({id(item.claim): item.claim for item in items if item.record}.values())
        try:
            with METRICS.commit_time.time():
                numbered = await self.store.commit(draft.batch)
        except REFUSED as refusal:
            await self._decide_apart(items, refusal)
        else:
            self.memory.learn(draft.batch, book)
            self._committed(items, draft, numbered, began_ns)

    async def _decide_apart(self, items: Sequence[Item], refusal: Exception) -> None:
        """The database refuses something in this batch for good: find out what, item by item; the rest goes on."""
        if len(items) > 1:
            for item in items:
                await self._decide_and_commit([item])
        elif items[0].cause is None or items[0].cause.code != "unstorable":
            await self._decide_and_commit([unstorable(items[0], str(refusal))])
        else:
            raise refusal

    async def _load(self, keys: set[str]) -> dict[str, StateRow]:
        with METRICS.load_time.time():
            return await self.store.load(keys)

    async def _decide(self, items: Sequence[Item], book: Book) -> tuple[Draft, Book]:
        now = self.parts.outside.clock.now()
        for _ in range(PASSES):
            if unread := needed(items, book):
                book.rows |= await self._load(unread)
                continue
            book = book.again()
            with METRICS.decision_time.time():
                draft = Deciding(self.service, self.codec, book, now).run(items)
            if not draft.unread:
                return draft, book
            book.rows |= await self._load(draft.unread)
        raise LookupError(f"deciders of {self.service.name} asked for new keys {PASSES} times over; their needs do not come to an end")

    def _committed(self, items: Sequence[Item], draft: Draft, numbered: dict[Lane, list[OutboxRow]], began_ns: int) -> None:
        for fence in draft.batch.fences:
            claim = self.lanes.get(fence.lane)
            rows = numbered.get(fence.lane)
            if claim is not None:
                claim.committed(fence.new, rows[-1].seq if rows else claim.head)
        for lane, rows in numbered.items():
            if self.lanes.get(lane) is not None:  # given up meanwhile: its next owner publishes
                self._relay(lane).offer(rows)
        if draft.batch.effects:
            self.intended(draft.batch.effects)
        if draft.batch.supplies:
            self.inbox.wake()
        self.processed += len(items)
        self.failures = 0
        METRICS.batch_size.observe(len(items))
        self._tell(draft, began_ns)

    def _tell(self, draft: Draft, began_ns: int) -> None:
        for (topic, outcome), count in Counter((i.claim.lane[0] if i.record else "inbox", o) for i, o, _ in draft.outcomes).items():
            METRICS.records.labels(topic, outcome.value).inc(count)
        if tracing.records():
            for item, outcome, _ in draft.outcomes:
                tracing.mark(self.service.name, item.trace, began_ns, {"key": item.key or "", "outcome": outcome.value})
        for item, _, cause in draft.outcomes:
            if cause is not None:
                METRICS.dead_letters.labels(cause.code).inc()
                log.warning("dead_lettered", code=cause.code, reason=cause.message, topic=item.claim.lane[0], **whose(item.key, item.trace))
        for bug in draft.bugs:
            log.error("decider_failed", traceback=bug)

    async def _claim(self, lanes: list[Lane]) -> list[OwnedLane]:
        """Called while the group assigns; a database that is away is waited for as long as the group allows."""
        for attempt in itertools.count(1):
            try:
                topic_ids = await self.parts.topic_ids.of({topic for topic, _ in lanes})
                all_known([topic for topic, _ in lanes], topic_ids)
                rows = await self.lane_store.claim(lanes, topic_ids)
                await self._still_the_same()
                break
            except (TopicUnclear, *AWAY) as error:
                if attempt == CLAIM_TRIES:
                    raise
                log.warning("claim_again", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(delay_before(attempt, self.parts.outside.chance(0.5, 1), AGAIN))
        self._halt(strangers(rows, topic_ids))
        claims = self.lanes.claimed([row for row in rows if row.lane not in self.halted])
        self._publish_backlog(rows)
        return claims

    def _halt(self, lanes: Mapping[Lane, str]) -> None:
        self.lanes.dropped(lanes)
        self.halted.update(lanes)
        for (topic, part), why in lanes.items():
            METRICS.lane_halted.labels(f"{topic}/{part}").set(1)
            log.critical("lane_halted", topic=topic, partition=part, reason=why)

    @property
    def halts(self) -> dict[str, str]:
        """Lanes that wait for a person, each with the reason."""
        relays = {lane: relay.halted for lane, relay in self.relays.items() if relay.halted}
        return {f"{topic}/{part}": why for (topic, part), why in (self.halted | relays).items()}

    async def _still_the_same(self) -> None:
        """Asked with every claim and every rewind: a lane that lost commits can't do one more without either."""
        if (now := await self.lane_store.incarnation()) != self.incarnation:
            was = self.incarnation
            raise DatabaseChanged(f"the database is {now} now and was {was} at the start; ending, to compare each lane with what it published")

    def _let_go(self, lanes: list[Lane]) -> None:
        self.memory.forget()
        for lane in lanes:
            if self.halted.pop(lane, None):
                METRICS.lane_halted.labels(f"{lane[0]}/{lane[1]}").set(0)
            if task := self.relay_tasks.pop(lane, None):
                task.cancel()
            if relay := self.relays.pop(lane, None):
                if relay.halted:
                    METRICS.lane_halted.labels(f"{lane[0]}/{lane[1]}").set(0)
                self.threads.submit(relay.publisher.close)

    def _relay(self, lane: Lane) -> Relay:
        if lane not in self.relays:
            publisher = Publisher(self.parts.outside, self.settings.kafka, self.service.name, lane, self.incarnation)
            self.relays[lane] = Relay(lane, publisher, self.outbox, self.threads, self.parts.outside.chance)
            self.relay_tasks[lane] = asyncio.create_task(self.relays[lane].run(), name=f"relay-{lane[0]}/{lane[1]}")
        return self.relays[lane]

    async def _rewind(self, why: str) -> None:
        """Forget what is in flight and go on from where Postgres says; what it committed without our knowing is published too."""
        log.warning("rewinding", reason=why, failures=self.failures)
        self.inbox.unread = True
        await self._still_the_same()
        names = self.lanes.names
        rows = {row.lane: row for row in await self.lane_store.read(names)} if names else {}
        ours = [rows[lane] for lane in names if self._owns(lane, rows.get(lane))]
        claims = self.lanes.claimed(ours)
        self._publish_backlog(ours)
        assert self.reader is not None
        await self.reader.seek(claims)

    def _owns(self, lane: Lane, row: LaneRow | None) -> bool:
        """False for a lane that was given up meanwhile. Raises LaneLost for one that another process has claimed although the group gives it
        to us, such as one that was frozen while it claimed: what was read of it would wait here for ever."""
        claim = self.lanes.get(lane)
        if claim is not None and (row is None or claim.epoch != row.epoch):
            raise LaneLost(f"{lane[0]} partition {lane[1]} was claimed by another process; ending, to join the group anew")
        return claim is not None

    def _publish_backlog(self, rows: Sequence[LaneRow]) -> None:
        for row in rows:
            if row.backlog:
                self._relay(row.lane).begin()

    async def _close(self) -> None:
        """Publish what is committed, as far as `drain_s` allows: the rest is the next owner's."""
        drained = [asyncio.create_task(relay.drained.wait()) for relay in self.relays.values() if relay.halted is None]
        if drained:
            _, late = await asyncio.wait(drained, timeout=self.settings.drain_s)
            for waiting in late:
                waiting.cancel()
        for task in self.relay_tasks.values():
            task.cancel()
        self.topics.close()
        with suppress(*AWAY):
            await self._survive()
        if self.reader is not None:
            await self.reader.close()
        self.threads.close()
        self.closed = True
