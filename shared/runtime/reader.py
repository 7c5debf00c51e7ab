"""Reads the service's topics: membership in its consumer group, and records in the order of their partition."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from shared.runtime.consumer import configuration, judge
from shared.runtime.decision import Service
from shared.runtime.identity import TopicUnclear
from shared.runtime.lanes import Lanes, OwnedLane
from shared.runtime.ports import Outside, T, as_coroutine
from shared.runtime.records import Record, headers_of
from shared.runtime.settings import RuntimeSettings
from shared.store.pool import AWAY
from shared.store.rows import Lane
from shared.telemetry import logs

log = logs.get(__name__)
CLAIM_S = 60.0
SEEK_TRIES, SEEK_PAUSE_S = 20, 0.05
WAKE_S, ASK_S = 1.0, 5.0


class Reader:
    """confluent-kafka's consumer on a thread of its own; `claim` and `dropped` are told of every change of assignment."""

    def __init__(
        self,
        outside: Outside,
        settings: RuntimeSettings,
        service: Service,
        lanes: Lanes,
        claim: Callable[[list[Lane]], Awaitable[list[OwnedLane]]],
        dropped: Callable[[list[Lane]], None],
    ) -> None:
        self.lanes, self.claim, self.dropped = lanes, claim, dropped
        self.thread = outside.worker("reader", 1)
        self.consumer: Consumer = outside.consumer(configuration(settings, service.name))
        self.paused = False
        self.given: set[Lane] = set()  # ours, as the group has it
        self.unclaimed: set[Lane] = set()  # of those, which could not be claimed yet
        self.begun: dict[Lane, int] = {}  # where the log of a lane begins that was never worked on
        self.clock, self.known_ends, self.asked = outside.clock, dict[Lane, int](), 0.0
        self.linger_s = service.read_linger_s
        topics = [route.topic for route in service.routes]
        self.consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    async def read(self, limit: int, wait_s: float, decoded: Callable[[list[Record]], T]) -> T:
        """What `decoded`, called on the thread, makes of up to `limit` records (of none with 0: the group is only told that we live).

        After `wait_s` seconds at the latest, and what decoding takes. Raises OffsetGone.
        """
        return await self.thread.run(lambda: decoded(self._read(limit, wait_s)))

    async def seek(self, claims: Sequence[OwnedLane]) -> None:
        await self.thread.run(self._seek, list(claims))

    def note_progress(self, claims: Sequence[OwnedLane]) -> None:
        """Tell the group how far we are: for those who watch lag; nothing here ever reads it back, or waits for a read to end."""
        offsets = [TopicPartition(claim.lane[0], claim.lane[1], claim.caught_up_to) for claim in claims]
        if offsets:
            self.thread.submit(lambda: self.consumer.commit(offsets=offsets, asynchronous=True))

    def ends(self, lanes: Sequence[Lane]) -> dict[Lane, int | None]:
        """Where each partition ended when it was last read, markers of transactions included; None before that. Touches no client: any call to
        one waits until the thread's own call has ended, and that one may be waiting for the loop, to claim."""
        return {lane: self.known_ends.get(lane) for lane in lanes}

    async def take_up(self, lanes: Sequence[Lane], claims: Sequence[OwnedLane]) -> None:
        """Read what was claimed later than it was given to us; not what was given up meanwhile."""
        await self.thread.run(self._take_up, list(lanes), list(claims))

    async def close(self) -> None:
        await self.thread.run(self.consumer.close)
        self.thread.close()

    def _read(self, limit: int, wait_s: float) -> list[Record]:
        before = set(self.lanes)
        self._pause(limit == 0)
        messages: list[Message] = []
        if (first := self.consumer.poll(wait_s)) is not None:  # returns with the first record; consume() would wait for a full batch
            messages = [first, *self.consumer.consume(limit - 1, self.linger_s)] if limit > 1 else [first]
        records = [record for message in messages if (record := self._record(message))]
        self._note_ends()
        if fresh := [claim for claim in self.lanes if claim not in before and claim.lane in self.given]:
            self._seek(fresh)  # what came with a change of assignment may belong to the claim before: read it again
        return [record for record in records if record.claim in before]

    def _wake_brokers(self) -> None:
        """While some lanes change hands librdkafka pauses all of them, and its thread for a broker, left without one, sleeps on for a second after
        the others are resumed. Any question to the broker wakes it; the answer does not matter."""
        if lanes := [TopicPartition(*lane, 0) for lane in self.lanes.names]:
            with suppress(KafkaException):
                self.consumer.offsets_for_times(lanes, WAKE_S)

    def _pause(self, pause: bool) -> None:
        """Stop fetching without leaving the group: polling goes on, records do not come."""
        if pause or self.paused:
            here = self.consumer.assignment()
            self.consumer.pause(here) if pause else self.consumer.resume(here)
            self.paused = pause

    def _record(self, message: Message) -> Record | None:
        lane = (message.topic() or "", message.partition() or 0)
        claim = self.lanes.get(lane)
        if error := message.error():
            judge(error, lane, claim if claim and claim.placed else None, message.offset())  # an end reached under an earlier claim says nothing
            return None
        offset = message.offset()
        if claim is None or not claim.placed or offset is None or offset < claim.next:
            return None
        claim.received(offset)
        return Record(claim, offset, message.key(), message.value(), headers_of(message))

    def _seek(self, claims: list[OwnedLane]) -> None:
        for claim in claims:
            if self.lanes.holds(claim):
                self._place(claim)

    def _place(self, claim: OwnedLane) -> None:
        """Read on from the claim's own offset. Right after an assignment the client may not be ready to; it is a moment later.

        Until then nothing is polled: what came would be of another lane, and lost to it.
        """
        for left in range(SEEK_TRIES, 0, -1):
            try:
                self.consumer.seek(TopicPartition(*claim.lane, self._first(claim)))
                claim.begins()
                return
            except KafkaException as error:
                if not self.lanes.holds(claim):
                    return
                if left == 1:
                    raise
                log.info("seek_again", topic=claim.lane[0], partition=claim.lane[1], error=str(error))
                self.thread.wait(asyncio.sleep(SEEK_PAUSE_S), CLAIM_S)

    def _note_ends(self) -> None:
        """As the last fetches showed them; while nothing is fetched the broker is asked now and then, else the lag would seem to stand still."""
        if not self.paused:
            self._note(cached=True)
        elif self.clock.monotonic() - self.asked > ASK_S:
            self._note(cached=False)
            self.asked = self.clock.monotonic()

    def _note(self, *, cached: bool) -> None:
        for lane in self.lanes.names:
            with suppress(KafkaException, RuntimeError):  # not assigned any more, closed, or the broker is away
                end = int(self.consumer.get_watermark_offsets(TopicPartition(*lane), WAKE_S, cached)[1])
                if end >= 0:
                    self.known_ends[lane] = end

    def _take_up(self, lanes: list[Lane], claims: list[OwnedLane]) -> None:
        gone = [lane for lane in lanes if lane not in self.given]
        self.lanes.dropped(gone)
        self.thread.tell(self.dropped, gone)
        self.unclaimed.difference_update(lanes)
        self._seek(claims)

    def _claimed(self, lanes: list[Lane]) -> list[OwnedLane]:
        """The group says only once that a lane is ours: what cannot be claimed now is remembered, and claimed later."""
        try:
            return self.thread.wait(as_coroutine(self.claim(lanes)), CLAIM_S)
        except (TopicUnclear, *AWAY) as error:
            self.unclaimed.update(lanes)
            log.warning("lanes_unclaimed", lanes=[f"{topic}/{part}" for topic, part in lanes], reason=f"{type(error).__name__}: {error}")
            return []

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.given.update(map(_lane, partitions))
        claims = self._claimed([_lane(p) for p in partitions]) if partitions else []
        starts = {claim.lane: self._first(claim) for claim in claims}  # a lane that is halted has none: it is ours, and let lie
        consumer.incremental_assign([TopicPartition(*lane, starts.get(lane, OFFSET_END)) for lane in map(_lane, partitions)])
        for claim in claims:
            claim.begins()
        self._wake_brokers()
        if claims:
            log.info("lanes_claimed", lanes=[f"{claim.lane[0]}/{claim.lane[1]}" for claim in claims])

    def _first(self, claim: OwnedLane) -> int:
        """A lane that was never worked on begins where its log begins; any other where it was left."""
        if claim.epoch > 1 or claim.next > 0:
            return claim.next
        if claim.lane not in self.begun:
            self.begun[claim.lane] = int(self.consumer.get_watermark_offsets(TopicPartition(*claim.lane), timeout=CLAIM_S)[0])
        return self.begun[claim.lane]

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        lanes = [_lane(p) for p in partitions]
        for lane in lanes:
            self.begun.pop(lane, None)
        self.given.difference_update(lanes)
        self.unclaimed.difference_update(lanes)
        self.lanes.dropped(lanes)
        self.thread.tell(self.dropped, lanes)
        consumer.incremental_unassign(partitions)
        log.info("lanes_given_up", lanes=[f"{topic}/{part}" for topic, part in lanes])


def _lane(partition: TopicPartition) -> Lane:
    return partition.topic, partition.partition
