"""Reads a stretch of the log, lane by lane in any order that is asked for. Belongs to no group and commits nothing."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heapreplace

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from shared.runtime.lanes import OwnedLane
from shared.runtime.records import Record, headers_of
from shared.runtime.replaying.where import Where
from shared.store.rows import Lane
from shared.store.shadow import Span

ASK_S = 20.0
MANY, FEW = 5000, 1000  # records of one lane that are kept while another is read
TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Read:
    """A record, and the first moment at which it can have been read: the log's clock counts whole milliseconds."""

    record: Record
    at: datetime


class Log:
    """The records of `spans`. Raises KafkaException when the broker stays away."""

    def __init__(self, bootstrap: str, spans: Sequence[Span]) -> None:
        self.claims = {span.lane: OwnedLane(span.lane, 1, span.first, 0, placed=True) for span in spans}
        self.past = {span.lane: span.past for span in spans}
        self.read: dict[Lane, deque[Read]] = {span.lane: deque() for span in spans}
        self.ended = {span.lane for span in spans if span.first >= span.past}
        self.paused: set[Lane] = set()
        self.consumer = Consumer(configuration(bootstrap))
        self.consumer.assign([TopicPartition(*span.lane, span.first) for span in spans if span.lane not in self.ended])

    def head(self, lane: Lane) -> Read | None:
        """The next record of the lane; None behind the last one of its span."""
        waiting = self.read[lane]
        while not waiting and lane not in self.ended:
            self._fetch()
        if lane in self.paused and len(waiting) < FEW:
            self.consumer.resume([TopicPartition(*lane)])
            self.paused.discard(lane)
        return waiting[0] if waiting else None

    def take(self, lane: Lane) -> Read:
        return self.read[lane].popleft()

    def extend(self, ends: dict[Lane, int]) -> None:
        """Read on, up to these offsets. A lane that had ended is read on from where it ended."""
        for lane, past in ends.items():
            if past > self.past[lane]:
                start, self.past[lane] = self.past[lane], past
                if lane in self.ended:
                    self.ended.discard(lane)
                    self.consumer.incremental_assign([TopicPartition(*lane, start)])

    def rest(self, limit: int) -> Iterator[list[Read]]:
        """What is left, oldest first as far as it is known, in pieces of at most `limit` records."""
        while heads := [(head.at, lane) for lane in self.read if (head := self.head(lane))]:
            heapify(heads)
            piece: list[Read] = []
            while heads and len(piece) < limit:
                lane = heads[0][1]
                waiting = self.read[lane]
                piece.append(waiting.popleft())
                if waiting:
                    heapreplace(heads, (waiting[0].at, lane))
                elif lane in self.ended:
                    heappop(heads)
                else:
                    break  # its next record may be the oldest: fetch first
            yield piece

    def close(self) -> None:
        self.consumer.close()

    def _fetch(self) -> None:
        for message in self.consumer.consume(500, 1.0):
            lane = (message.topic() or "", message.partition() or 0)
            offset = message.offset()
            if error := message.error():
                if error.code() == KafkaError._PARTITION_EOF and offset is not None and offset >= self.past.get(lane, 0):
                    self._end(lane)  # an end before that is a broker that does not know its own yet
                elif error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
                    raise KafkaException(error)
                continue
            if lane in self.ended or offset is None or offset >= self.past[lane]:
                self._end(lane)
                continue
            at = datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC) + TICK
            self.read[lane].append(Read(Record(self.claims[lane], offset, message.key(), message.value(), headers_of(message)), at))
            if offset + 1 >= self.past[lane]:
                self._end(lane)
        self._pause()

    def _end(self, lane: Lane) -> None:
        if lane not in self.ended:
            self.ended.add(lane)
            self.paused.discard(lane)
            self.consumer.incremental_unassign([TopicPartition(*lane)])

    def _pause(self) -> None:
        full = [lane for lane, waiting in self.read.items() if len(waiting) > MANY and lane not in self.paused and lane not in self.ended]
        if full:
            self.consumer.pause([TopicPartition(*lane) for lane in full])
            self.paused |= set(full)


def configuration(bootstrap: str) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "throughline-replay",  # the client asks for one; nothing is ever committed under it
        "client.id": "throughline-replay",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "log_level": 0,
    }


def spans_of(bootstrap: str, topics: Sequence[str], start: Where, end: Where) -> list[Span]:
    """What of `topics` lies between the two. Where lanes are named, only those are read. Raises KafkaException."""
    consumer = Consumer(configuration(bootstrap))
    try:
        listed = consumer.list_topics(timeout=ASK_S).topics
        lanes = [(topic, part) for topic in topics if topic in listed for part in sorted(listed[topic].partitions)]
        named = start.offsets.keys() | end.offsets.keys()
        return [_span(consumer, lane, start, end) for lane in lanes if lane in named or not named]
    finally:
        consumer.close()


def _span(consumer: Consumer, lane: Lane, start: Where, end: Where) -> Span:
    low, high = consumer.get_watermark_offsets(TopicPartition(*lane), ASK_S)
    first = max(low, min(high, _offset(consumer, lane, start, low, high)))
    return Span(lane, first, max(first, min(high, _offset(consumer, lane, end, high, high))))


def _offset(consumer: Consumer, lane: Lane, where: Where, default: int, high: int) -> int:
    if where.at is None:
        return where.offsets.get(lane, default)
    found = consumer.offsets_for_times([TopicPartition(*lane, int(where.at.timestamp() * 1000))], ASK_S)[0].offset
    return found if found >= 0 else high
