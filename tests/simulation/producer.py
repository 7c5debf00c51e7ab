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
    """Without a name its records stand alone, in no transaction."""

    def __init__(self, world: World, broker: Broker, configuration: dict[str, object]) -> None:
        self.world, self.broker = world, broker
        self.name = str(configuration.get("transactional.id", ""))
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
        held = self.world.sprung("kafka: record" if self.name else "kafka: mark").hold
        self.arrives = max(self.arrives + 1e-6, self.world.loop.elapsed + self.world.delay() + held)
        self.in_flight += 1
        lost = self.world.chance(self.world.trouble / 4)
        way = (self._land, lane, key, value, list(headers), lost) if self.name else (self._stand, lane, key, value, lost, on_delivery)
        self.world.after(self.arrives - self.world.loop.elapsed, *way)

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

    def _land(self, lane: Lane, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], lost: bool) -> None:
        self.in_flight -= 1
        try:
            if lost or self.world.is_away("kafka"):
                raise failure(KafkaError._MSG_TIMED_OUT, "a record did not arrive")
            if self.error is None:
                self.broker.write(self.name, self.epoch, lane, key, value, headers, lane not in self.added)
                self.added.add(lane)
        except KafkaException as error:
            self.error = self.error or error
        self._tell_landed()

    def _stand(self, lane: Lane, key: bytes | None, value: bytes | None, lost: bool, on_delivery: Delivered) -> None:
        """Of the records whose answers are lost, half are there."""
        away, offset = self.world.is_away("kafka"), len(self.broker.logs[lane])
        if not away and (not lost or self.world.chance(0.5)):
            self.broker.append(lane, key, value)
        error = KafkaError(KafkaError._MSG_TIMED_OUT, "no answer came") if lost or away else None
        self.world.after(self.world.delay(), self._answer, on_delivery, error, None if error else offset)

    def _answer(self, on_delivery: Delivered, error: KafkaError | None, offset: int | None) -> None:
        self.in_flight -= 1
        on_delivery(error, SimpleNamespace(offset=lambda: offset))
        self._tell_landed()

    def _tell_landed(self) -> None:
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
