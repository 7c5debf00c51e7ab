"""Decides on what a service decided before, in the order and at the moments of its journal, and fed with the answers that it got."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from shared.messages.base import Message
from shared.runtime.book import Book
from shared.runtime.deciding import Draft, Encoding
from shared.runtime.decision import Service
from shared.runtime.drafting import drafted
from shared.runtime.replaying.log import Log, Read
from shared.runtime.suspects import DEATHS_TO_QUARANTINE
from shared.runtime.work import Item, item_of_inbox, item_of_record, quarantined, routes_of, unstorable
from shared.store.batches import REFUSED, BatchStore
from shared.store.rows import Batch, InboxRow, Lane
from shared.store.shadow import Arrived, Shadow, Told
from shared.wire.codec import UNFIT, Codec, Unencodable
from shared.wire.encoder import Write, writer_of

PIECE = 500
AT_ONCE = 1e9  # wakes a second: nobody is waiting here
Advance = Callable[[int], None]
_AS_JSON = msgspec.json.Encoder(decimal_format="string").encode


class Unwritten:
    """Holds what would be published to its schema, which need not be registered: tomorrow's code is tried out today. Nothing is kept of it."""

    def __init__(self) -> None:
        self.writers: dict[type[Message], Write] = {}

    def encode(self, message: Message, topic: str) -> bytes:
        """Raises Unencodable for a message that its schema does not allow."""
        kind = type(message)
        if kind not in self.writers:
            self.writers[kind] = writer_of(kind.avro_schema)
        try:
            self.writers[kind](message, bytearray())
        except UNFIT as problem:
            raise Unencodable(f"{kind.__name__} for {topic} does not fit its schema: {problem!r}") from problem
        return b""


class AsText(Unwritten):
    """Encodes as JSON what would be published."""

    def encode(self, message: Message, topic: str) -> bytes:
        super().encode(message, topic)
        return _AS_JSON(message)


class Decider:
    """Decides on items and keeps what follows, as the engine does, in the schema that `store` sees. `trim` may take away what nobody needs.

    Records at the places of `poison` are not decoded.
    """

    def __init__(
        self, service: Service, codec: Codec, store: BatchStore, log: Log, encoding: Encoding, trim: Callable[[Batch], None] = lambda batch: None
    ) -> None:
        self.service, self.codec, self.store, self.log, self.encoding, self.trim = service, codec, store, log, encoding, trim
        self.routes = routes_of(service)
        self.poison: Collection[tuple[Lane, int]] = ()

    def item(self, read: Read, at: datetime | None = None) -> Item:
        record, lane = read.record, read.record.claim.lane
        poison = (lane, record.offset) in self.poison
        route = self.routes[lane[0]]
        item = quarantined(record, route, DEATHS_TO_QUARANTINE) if poison else item_of_record(record, route, self.codec)
        return replace(item, at=at or read.at)

    async def decide(self, items: Sequence[Item], now: datetime) -> list[Draft]:
        """One transaction; where the database refuses something in it, one for each item."""
        book = Book(self.service.states, await self.store.load({item.key for item in items if item.key}))
        draft, _ = await drafted(self.service, self.encoding, items, book, self.store.load, now)
        self.trim(draft.batch)
        try:
            await self.store.commit(draft.batch)
        except REFUSED as refusal:
            return await self._apart(items, now, refusal)
        for fence in draft.batch.fences:
            self.log.claims[fence.lane].committed(fence.new, 0)
        return [draft]

    async def _apart(self, items: Sequence[Item], now: datetime, refusal: Exception) -> list[Draft]:
        if len(items) > 1:
            return [draft for item in items for draft in await self.decide([item], now)]
        if items[0].cause is not None and items[0].cause.code == "unstorable":
            raise refusal
        return await self.decide([unstorable(items[0], str(refusal))], now)


class Replay:
    """Follows the live journal over the log. What it does not tell of is decided at the moment at which it was written."""

    def __init__(self, service: Service, codec: Codec, shadow: Shadow, log: Log) -> None:
        self.service, self.codec, self.shadow, self.log = service, codec, shadow, log
        self.decider = Decider(service, codec, BatchStore(shadow.pool, service.project, AT_ONCE), log, AsText())
        self.expected: Counter[tuple[str, str]] = Counter()
        self.waiting: dict[tuple[str, str], list[Arrived]] = defaultdict(list)
        self.due: deque[InboxRow] = deque()
        self.seen = 0
        self.decided = 0

    async def run(self, advance: Advance) -> None:
        """Until the range is decided on, and all that followed from it. `advance` is told how many records were taken."""
        self.expected = Counter(await self.shadow.expected())
        self.decider.poison = await self.shadow.poison()
        async for together in self.shadow.guide():
            advance(await self._follow(together))
        for piece in self.log.rest(PIECE):
            await self._decide([self.decider.item(read) for read in piece], piece[-1].at)
            advance(len(piece))
        if self.due:
            await self._decide([self._inbox_item(self.due.popleft())], datetime.now(UTC))

    async def _follow(self, together: Sequence[Told]) -> int:
        at, items, untold = together[0].at, [], list[Item]()
        for told in together:
            if told.kind is not None:
                items += self._from_inbox(told)
            elif told.offset is not None:
                for read in self._up_to(told.lane, told.offset):
                    known = read.record.offset == told.offset
                    (items if known else untold).append(self.decider.item(read, at if known else None))
        for each in (untold, items):
            if each:
                await self._decide(each, at)
        return sum(item.record is not None for item in (*items, *untold))

    def _up_to(self, lane: Lane, offset: int) -> Iterator[Read]:
        while (head := self.log.head(lane)) and head.record.offset <= offset:
            yield self.log.take(lane)

    def _from_inbox(self, told: Told) -> list[Item]:
        """What the key was told then, if it comes here too."""
        name = (told.key or "", told.kind or "")
        self.expected[name] -= 1
        found = _taken(self.waiting[name], told.inbox)
        if self.expected[name] <= 0:
            self.due.extend(each.row for each in sorted(self.waiting.pop(name, ())))
        return [self._inbox_item(each.row) for each in found]

    def _inbox_item(self, row: InboxRow) -> Item:
        return item_of_inbox(row, self.log.claims[row.lane], self.service, self.codec)

    async def _decide(self, items: Sequence[Item], at: datetime) -> None:
        """And then, at the same moment, on what came of it and has no place of its own in the journal."""
        while items:
            for draft in await self.decider.decide(items, at):
                await self.shadow.answer([effect.id for effect in draft.batch.effects])
                self.decided += len(draft.outcomes)
            await self._sort_arrivals()
            items = [self._inbox_item(self.due.popleft()) for _ in range(min(len(self.due), PIECE))]

    async def _sort_arrivals(self) -> None:
        for came in await self.shadow.arrived(self.seen):
            self.seen, name = came.id, (came.row.key, came.row.kind)
            self.waiting[name].append(came) if self.expected[name] > 0 else self.due.append(came.row)


def _taken(waiting: list[Arrived], live: int | None) -> list[Arrived]:
    """The very row that the live service decided on then; where that is not known, what came first."""
    if not waiting:
        return []
    found = next((each for each in waiting if each.live == live), min(waiting))
    waiting.remove(found)
    return [found]
