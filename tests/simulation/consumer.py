"""What confluent-kafka's Consumer does, as far as the runtime asks it, against the broker in memory."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_END, KafkaError, TopicPartition

from shared.store.rows import Lane
from tests.simulation.broker import Broker, Entry, failure, late, visible
from tests.simulation.group import Group, Member
from tests.simulation.loop import Process
from tests.simulation.threads import blocked_on
from tests.simulation.world import World

Callback = Callable[[Any, list[TopicPartition]], None]


@dataclass(frozen=True)
class Fetched:
    """A message, or the news that a partition's end was reached."""

    lane: Lane
    at: int
    entry: Entry | None

    def topic(self) -> str:
        return self.lane[0]

    def partition(self) -> int:
        return self.lane[1]

    def offset(self) -> int:
        return self.at

    def key(self) -> bytes | None:
        return self.entry.key if self.entry else None

    def value(self) -> bytes | None:
        return self.entry.value if self.entry else None

    def headers(self) -> list[tuple[str, bytes]]:
        return self.entry.headers if self.entry else []

    def error(self) -> KafkaError | None:
        return None if self.entry else KafkaError(KafkaError._PARTITION_EOF)


class SimulatedConsumer:
    def __init__(self, world: World, broker: Broker, group: Group, process: Process, configuration: dict[str, object]) -> None:
        self.world, self.broker, self.group, self.process = world, broker, group, process
        self.committed_only = configuration.get("isolation.level") != "read_uncommitted"
        self.member: Member | None = None
        self.positions: dict[Lane, int] = {}
        self.ready: dict[Lane, float] = {}
        self.told: dict[Lane, int] = {}
        self.paused: set[Lane] = set()
        self.closed = False
        self.on_assign: Callback = lambda consumer, partitions: None
        self.on_revoke: Callback = lambda consumer, partitions: None

    def subscribe(self, topics: Sequence[str], on_assign: Callback, on_revoke: Callback, on_lost: Callback) -> None:
        self.on_assign, self.on_revoke = on_assign, on_revoke
        self.member = self.group.join(self.process)

    def poll(self, timeout: float) -> Fetched | None:
        found = self._gather(1, timeout)
        return found[0] if found else None

    def consume(self, count: int, timeout: float) -> list[Fetched]:
        return self._gather(count, timeout) if count > 0 else []

    def seek(self, partition: TopicPartition) -> None:
        lane = partition.topic, partition.partition
        if lane not in self.positions or self.world.loop.elapsed < self.ready[lane]:
            raise failure(KafkaError._STATE, "Local: Erroneous state")
        self._place(lane, partition.offset)

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        for p in partitions:
            self._place((p.topic, p.partition), p.offset)

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        for p in partitions:
            lane = p.topic, p.partition
            self._place(lane, p.offset)
            self.ready[lane] = self.world.loop.elapsed + (self.world.random.uniform(0, 0.2) if self.world.chance(0.5) else 0)

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        for p in partitions:
            self.positions.pop((p.topic, p.partition), None)
            self.paused.discard((p.topic, p.partition))

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*lane) for lane in self.positions]

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused |= {(p.topic, p.partition) for p in partitions}

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused -= {(p.topic, p.partition) for p in partitions}

    def commit(self, offsets: Sequence[TopicPartition], asynchronous: bool) -> None:
        self.group.committed |= {(p.topic, p.partition): p.offset for p in offsets}

    def get_watermark_offsets(self, partition: TopicPartition, timeout: float = 0.0, cached: bool = False) -> tuple[int, int]:
        lane = partition.topic, partition.partition
        if cached:
            return 0, -1001  # nobody here looks at it
        ends: tuple[int, int] = blocked_on(self.world.exchange("kafka", f"end of {lane}", lambda: (0, self._said_end(lane)), late))
        return ends

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float) -> None:
        blocked_on(self.world.exchange("kafka", "offsets for times", lambda: None, late))

    def close(self) -> None:
        if self.member is not None and not self.closed and not self.world.over:
            self.closed = True
            if self.member.owned:
                self._revoke(self.member, set(self.member.owned))
            self.group.leave(self.member)

    def _said_end(self, lane: Lane) -> int:
        """By the leader, or by the one before it, which was frozen and does not know yet."""
        end = self._end(lane)
        return self.world.random.randint(0, end) if self.world.chance(0.1) else end

    def _end(self, lane: Lane) -> int:
        return self.broker.stable_end(lane) if self.committed_only else len(self.broker.logs[lane])

    def _place(self, lane: Lane, offset: int) -> None:
        self.positions[lane] = self._end(lane) if offset == OFFSET_END else offset
        self.told.pop(lane, None)

    def _gather(self, count: int, timeout: float) -> list[Fetched]:
        deadline = self.world.loop.elapsed + timeout
        found: list[Fetched] = []
        while True:
            self._follow_group()
            while len(found) < count and (fetched := self._next()):
                found.append(fetched)
            left = deadline - self.world.loop.elapsed
            if len(found) == count or left <= 0:
                return found
            self._wait(left)

    def _wait(self, longest: float) -> None:
        """Until something changes at the broker and has come here, `longest` at the most."""
        news: asyncio.Future[None] = self.world.loop.create_future()
        self.world.after(longest, _tell, news)
        self.broker.watchers.append(lambda: self.world.after(self.world.delay(), _tell, news))
        blocked_on(news)

    def _next(self) -> Fetched | None:
        if self.world.is_away("kafka"):
            return None
        lanes = [lane for lane in self.positions if lane not in self.paused]
        for lane in self.world.random.sample(lanes, len(lanes)):
            if self.member is not None and self.world.chance(self.world.lazy):
                continue  # not fetched yet
            if fetched := self._fetch(lane):
                return fetched
        return None

    def _fetch(self, lane: Lane) -> Fetched | None:
        log, end = self.broker.logs[lane], self._end(lane)
        while (at := self.positions[lane]) < end:
            self.positions[lane] = at + 1
            if visible(log[at]):
                return Fetched(lane, at, log[at])
        if self.told.get(lane) != at:
            self.told[lane] = at
            return Fetched(lane, at, None)
        return None

    def _follow_group(self) -> None:
        member = self.member
        if member is None or self.closed:
            return
        if member.evicted:
            if self.world.chance(0.5):
                return  # the next heartbeat will say so
            if member.owned:
                self._revoke(member, set(member.owned))
            self.member = self.group.join(self.process)
            return
        if gone := self.group.to_revoke(member):
            self._revoke(member, gone)
        if new := self.group.to_assign(member):
            member.owned |= new
            self.on_assign(self, [TopicPartition(*lane) for lane in sorted(new)])

    def _revoke(self, member: Member, lanes: set[Lane]) -> None:
        self.on_revoke(self, [TopicPartition(*lane) for lane in sorted(lanes)])
        member.owned -= lanes


def _tell(news: "asyncio.Future[None]") -> None:
    if not news.done():
        news.set_result(None)
