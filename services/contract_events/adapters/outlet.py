"""The door's way into Kafka: idempotent, acknowledged by all replicas, one trace for each report."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.contract_events.ports import OutletAway, Parcel, Unsendable
from shared.telemetry import tracing
from shared.wire.codec import Codec, NotPublished, Unencodable
from shared.wire.registry import RegistryAway

Headers = list[tuple[str, bytes]]
CLOSE_S = 2.0


class KafkaOutlet:
    """`deadline` in seconds is for one call; a producer that failed is thrown away, as it may still hold what was given up."""

    def __init__(self, bootstrap: str, codec: Codec, deadline: float = 10.0) -> None:
        self._bootstrap, self._codec, self._deadline = bootstrap, codec, deadline
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._prepared: set[str] = set()

    async def check(self, parcel: Parcel) -> None:
        await self._encoded(parcel)

    async def send(self, parcels: Sequence[Parcel]) -> None:
        values = [await self._encoded(parcel) for parcel in parcels]
        producer = await self._started()
        try:
            async with asyncio.timeout(self._deadline):
                sent = [
                    await producer.send(parcel.topic, value, key=parcel.key.encode(), headers=_headers(parcel))
                    for parcel, value in zip(parcels, values, strict=True)
                ]
                await asyncio.gather(*sent)
        except (KafkaError, TimeoutError, OSError) as error:
            await self._discard(producer)
            raise OutletAway(f"Kafka at {self._bootstrap} does not take records ({type(error).__name__}): is it up?") from error

    async def close(self) -> None:
        if self._producer is not None:
            await self._discard(self._producer)

    async def _encoded(self, parcel: Parcel) -> bytes:
        try:
            if parcel.topic not in self._prepared:
                # The first message of a topic asks the registry, which blocks; a thread keeps the door open meanwhile.
                await asyncio.to_thread(self._codec.prepare, type(parcel.message), parcel.topic)
                self._prepared.add(parcel.topic)
            return self._codec.encode(parcel.message, parcel.topic)
        except Unencodable as error:
            raise Unsendable(str(error)) from error
        except (RegistryAway, NotPublished) as error:
            raise OutletAway(str(error)) from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True, acks="all", linger_ms=2)
                try:
                    async with asyncio.timeout(self._deadline):
                        await producer.start()
                except (KafkaError, TimeoutError, OSError) as error:
                    await _closed(producer)
                    raise OutletAway(f"Kafka at {self._bootstrap} does not answer ({type(error).__name__}): is it up?") from error
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
        await _closed(producer)


async def _closed(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, TimeoutError, OSError):
        async with asyncio.timeout(CLOSE_S):
            await producer.stop()


def _headers(parcel: Parcel) -> Headers:
    attributes = {"messaging.destination.name": parcel.topic, "throughline.key": parcel.key}
    try:
        identity = UUID(parcel.event_id)
    except ValueError:
        identity = None
    started = tracing.start_source_span("receive", attributes, identity)
    return [(name, value.encode()) for name, value in started.items()]
