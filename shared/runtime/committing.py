"""Decides on items and commits all that follows in one transaction; what the database refuses for good is found out item by item."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from shared.runtime.book import Book
from shared.runtime.deciding import Draft
from shared.runtime.decision import Service
from shared.runtime.drafting import drafted
from shared.runtime.identity import TopicWatch
from shared.runtime.memory import Memory
from shared.runtime.ports import Batches, Clock
from shared.runtime.work import Item, unstorable
from shared.store.batches import REFUSED
from shared.store.rows import Lane, OutboxRow, StateRow
from shared.telemetry import logs, tracing
from shared.telemetry.logs import whose
from shared.telemetry.metrics import METRICS
from shared.wire.codec import Codec

log = logs.get(__name__)
Numbered = dict[Lane, list[OutboxRow]]


class Committing:
    """`committed` hears of every batch that is in the database: its items, what was decided, and the lines to publish."""

    def __init__(
        self,
        service: Service,
        codec: Codec,
        store: Batches,
        clock: Clock,
        topics: TopicWatch,
        committed: Callable[[Sequence[Item], Draft, Numbered], None],
    ) -> None:
        self.service, self.codec, self.store, self.clock, self.topics, self.committed = service, codec, store, clock, topics, committed
        self.memory = Memory(service)

    async def take(self, items: Sequence[Item]) -> None:
        """Raises Fenced, Conflict, MadeAnew, TopicUnclear, and what a database raises that is away."""
        began_ns = time.time_ns()
        book = Book(self.service.states, {})
        self.memory.recall({item.key for item in items if item.key}, book)
        draft, book = await drafted(self.service, self.codec, items, book, self._load, self.clock.now())
        await self.topics.compare({id(item.claim): item.claim for item in items if item.record}.values())
        try:
            with METRICS.commit_time.time():
                numbered = await self.store.commit(draft.batch)
        except REFUSED as refusal:
            await self._take_apart(items, refusal)
        else:
            self.memory.learn(draft.batch, book)
            self.committed(items, draft, numbered)
            self._tell(items, draft, began_ns)

    async def _take_apart(self, items: Sequence[Item], refusal: Exception) -> None:
        """The database refuses something in this batch for good: find out what, item by item; the rest goes on."""
        if len(items) > 1:
            for item in items:
                await self.take([item])
        elif items[0].cause is None or items[0].cause.code != "unstorable":
            await self.take([unstorable(items[0], str(refusal))])
        else:
            raise refusal

    async def _load(self, keys: set[str]) -> dict[str, StateRow]:
        with METRICS.load_time.time():
            return await self.store.load(keys)

    def _tell(self, items: Sequence[Item], draft: Draft, began_ns: int) -> None:
        METRICS.batch_size.observe(len(items))
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
