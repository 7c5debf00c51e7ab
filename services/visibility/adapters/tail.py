"""Follows the statuses as they are published: one consumer for all readers, each with a short queue of its own."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from shared.messages.workflow import WorkflowStatus
from shared.telemetry import logs
from shared.wire.codec import Codec
from shared.wire.limits import Undecodable
from shared.wire.registry import RegistryAway

TOPIC = "workflow.status.v1"
HEARTBEAT_S = 10.0
AGAIN_S = 2.0
READERS = 100
log = logs.get(__name__)
_AS_JSON = msgspec.json.Encoder(decimal_format="string").encode


class TooManyReaders(ValueError):
    """Every live tail is taken."""


class LiveTail:
    """A `Tail`. A reader too slow for its queue misses statuses, oldest first: the next one of a contract holds all of it again."""

    def __init__(self, kafka: str, codec: Codec, queued: int) -> None:
        self.kafka, self.codec, self.queued = kafka, codec, queued
        self._readers: set[asyncio.Queue[str]] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Read until `stopping`; a broker that is away is asked again."""
        while not stopping.is_set():
            try:
                await self._read(stopping)
            except KafkaError as error:
                log.warning("tail_interrupted", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(AGAIN_S)

    async def follow(self) -> AsyncIterator[str | None]:
        if len(self._readers) >= READERS:
            raise TooManyReaders(f"{READERS} readers follow already; try again later")
        queue: asyncio.Queue[str] = asyncio.Queue(self.queued)
        self._readers.add(queue)
        try:
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield None
        finally:
            self._readers.discard(queue)

    async def _read(self, stopping: asyncio.Event) -> None:
        """No group: everyone who follows sees all of it, from now on."""
        consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=self.kafka, isolation_level="read_committed", auto_offset_reset="latest")
        await consumer.start()
        try:
            while not stopping.is_set():
                batches = await consumer.getmany(timeout_ms=500)
                for record in (record for records in batches.values() for record in records):
                    await self._hand_on(record.value)
        finally:
            await consumer.stop()

    async def _hand_on(self, value: bytes | None) -> None:
        """Decoded off the loop: a schema seen for the first time is fetched from the registry."""
        if value is None or not self._readers:
            return
        try:
            status = await asyncio.to_thread(self.codec.decode, value, WorkflowStatus)
        except (Undecodable, RegistryAway) as problem:
            log.warning("tail_skipped", reason=str(problem))
            return
        text = _AS_JSON(status).decode()
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)
