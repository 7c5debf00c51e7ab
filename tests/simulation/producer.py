"""What confluent-kafka's Producer does, as far as the runtime asks it, against the broker in memory."""

import asyncio
import zlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from shared.runtime.positions import RETRY_MS
from shared.store.rows import Lane
from tests.simulation.ambush import Trap
from tests.simulation.broker import Broker, failure, late
from tests.simulation.threads import blocked_on
from tests.simulation.world import World

Delivered = Callable[[KafkaError | None, Any], object]


class SimulatedProducer:
    def __init__(self, world: World, broker: Broker, configuration: dict[str, object]) -> None:
        self.world, self.broker = world, broker
        self.name = str(configuration.get("transactional.id", ""))  # none: each record stands for itself
        self.epoch = -1
        self.in_flight = 0
        self.added: set[Lane] = set()  # partitions of which the coordinator was told in this transaction
        self.error: Exception | None = None
        self.arrives = 0.0
        self.landed: asyncio.Future[None] | None = None

    def init_transactions(self, timeout: float) -> None:
        self.epoch = blocked_on(self.world.exchange("kafka", f"init {self.name}", lambda: self.broker.become(self.name), late))

    def list_topics(self, topic: str, timeout: float) -> Any:
        parts = dict.fromkeys(range(self.broker.topics[topic]))
        return blocked_on(self.world.exchange("kafka", "topics", lambda: SimpleNamespace(topics={topic: SimpleNamespace(partitions=parts)}), late))

    def begin_transaction(self) -> None:
        self.error = None
        self.added = set()

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        partition: int = -1,
        on_delivery: Delivered = lambda error, message: None,
    ) -> None:
        """On its way from here on, whatever becomes of the process; records of one producer stay in order."""
        lane = topic, partition if partition >= 0 else zlib.crc32(key or b"") % self.broker.topics[topic]
        self.arrives = max(self.arrives + 1e-6, self.world.loop.elapsed + self.world.delay() + self.world.sprung("kafka: record").hold)
        self.in_flight += 1
        lost = self.world.chance(self.world.trouble / 4)
        self.world.after(self.arrives - self.world.loop.elapsed, self._land, lane, key, value, list(headers), lost, on_delivery)

    def flush(self, timeout: float) -> int:
        if self.in_flight:
            self.landed = self.world.loop.create_future()
            blocked_on(self.landed)
        return self.in_flight

    def commit_transaction(self, timeout: float) -> None:
        self.flush(timeout)
        if self.error:
            raise self.error
        blocked_on(self._asked_to_commit(timeout))

    def _asked_to_commit(self, timeout: float) -> "asyncio.Future[None]":
        world, trap = self.world, self.world.sprung("kafka: EndTxn")
        if trap.twice:
            return self._asked_twice(trap)
        fate = world.random.choice(("request", "answer", "late")) if world.chance(world.trouble) else "answer" if trap.answer_lost else "well"
        done: asyncio.Future[None] = world.loop.create_future()
        if fate != "well":
            world.say(f"kafka: EndTxn of {self.name}: {fate} lost")
        if fate != "well" or trap.hold:
            world.after(timeout / 10, world.fail, done, failure(KafkaError._TIMED_OUT, f"EndTxn: {fate}"))
        if fate != "request":
            held = world.random.uniform(0, timeout) if fate == "late" else trap.hold
            world.after(world.delay() + held, self._end, done, fate != "answer")
        return done

    def _asked_twice(self, trap: Trap) -> "asyncio.Future[None]":
        """As librdkafka does when its connection breaks: the second one is answered, the first one comes whenever it comes."""
        done: asyncio.Future[None] = self.world.loop.create_future()
        self.world.say(f"kafka: EndTxn of {self.name} sent twice")
        self.world.after(RETRY_MS / 1000 * self.world.random.uniform(0.8, 1.2) + self.world.delay(), self._end, done, True)
        self.world.after(trap.hold, self._end, self.world.loop.create_future(), False)
        return done

    def _land(self, lane: Lane, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], lost: bool, on_delivery: Delivered) -> None:
        self.in_flight -= 1
        try:
            if lost or self.world.is_away("kafka"):
                raise failure(KafkaError._MSG_TIMED_OUT, "a record did not arrive")
            if not self.name:
                self.broker.append(lane, key, value, headers)
            elif self.error is None:
                self.broker.write(self.name, self.epoch, lane, key, value, headers, lane not in self.added)
                self.added.add(lane)
            offset = len(self.broker.logs[lane]) - 1
            on_delivery(None, SimpleNamespace(offset=lambda: offset))
        except KafkaException as error:
            self.error = self.error or error
            on_delivery(error.args[0], None)
        if not self.in_flight and self.landed and not self.landed.done():
            self.landed.set_result(None)

    def _end(self, done: "asyncio.Future[None]", told: bool) -> None:
        try:
            self.broker.end(self.name, self.epoch, True)
        except KafkaException as error:
            self.world.after(self.world.delay(), self.world.fail, done, error)
        else:
            if told:
                self.world.after(self.world.delay(), self.world.succeed, done, None)
