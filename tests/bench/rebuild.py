"""Benchmark 5: the projection of visibility made anew from its topics, beside COPY of the very rows that come of it."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import SecretStr

from services.visibility.adapters.projection import project
from services.visibility.adapters.rebuilding import rebuild
from services.visibility.adapters.swapping import COLUMNS, TABLES
from services.visibility.app import ROUTES
from services.visibility.domain.status import Tracked
from shared.messages.base import Message
from shared.ops import schemas, topics
from shared.ops.database import ensure
from shared.runtime.decision import Service
from shared.runtime.settings import RuntimeSettings
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.bench.measure import compared, spread
from tests.support.stack import Stack
from tests.unit.visibility.stories import whole_way

SERVICE = Service(name="visibility", routes=ROUTES, states=dict.fromkeys(("contract", "letter", "kpi", "sla"), Tracked), project=project)
CONTRACTS = {"small": 1_000, "full": 10_000}  # each with five records, from agreed to active
TARGET = 0.3
POSITION = "insert into lane (topic, part, next, epoch) values ($1, $2, $3, 1)"
PLACE = "create schema if not exists copied; drop table if exists copied.{table}; create table copied.{table} (like {table} including all)"


async def run(stack: Stack, repeat: int, scale: str) -> dict[str, Any]:
    settings = await room(stack)
    await asyncio.to_thread(send, stack, CONTRACTS[scale])
    await decided(settings)
    await rebuild(SERVICE, settings)  # fills what the measured ones replace
    rebuilt, copied, rows, records = list[float](), list[float](), 0, 0
    for turn in range(repeat):
        began = time.monotonic()
        records = (await rebuild(SERVICE, settings))["records"]
        rebuilt.append(time.monotonic() - began)
        rows, taken = await _copy(stack)
        copied.append(taken)
        print(f"  {turn + 1}/{repeat} {rows:,} rows: rebuilt in {rebuilt[-1]:.1f} s, copied in {copied[-1]:.1f} s", flush=True)
    rates = [[rows / taken for taken in each] for each in (rebuilt, copied)]
    subjects = ("Throughline, rebuild visibility", "COPY of the same rows")
    told = [{"subject": name, "records_per_s": spread(rate)} for name, rate in zip(subjects, rates, strict=True)]
    sizes = {"contracts": CONTRACTS[scale], "records": records, "rows_made": rows}
    return {"title": "Projection rebuild", "unit": "rows/s", "rows": told} | sizes | compared(rates[0], rates[1], TARGET)


async def room(stack: Stack) -> RuntimeSettings:
    """Topics, schemas and visibility's own tables, as the preparation step makes them."""
    await asyncio.to_thread(topics.apply, stack.bootstrap)
    await asyncio.to_thread(schemas.publish, stack.registry)
    await asyncio.to_thread(ensure, stack.dsn, {"visibility": "secret"})
    dsn = urlsplit(stack.dsn)
    own = dsn._replace(netloc=f"visibility:secret@{dsn.netloc.rpartition('@')[2]}").geturl()
    told: dict[str, Any] = {"kafka": stack.bootstrap, "postgres": SecretStr(own), "registry": stack.registry, "ops_port": 1}
    return RuntimeSettings(**told)


def send(stack: Stack, contracts: int) -> None:
    """What the services publish of contracts that went through; a hundred of them are on their way at any time."""
    codec = Codec(Registry(stack.registry))
    producer = Producer({"bootstrap.servers": stack.bootstrap, "enable.idempotence": True, "linger.ms": 5})
    for topic, message in _interleaved(whole_way(f"C-{n:06}", n) for n in range(contracts)):
        producer.produce(topic, codec.encode(message, topic), key=message.contract_id)  # type: ignore[attr-defined]
        producer.poll(0)
    assert producer.flush(60) == 0


def _interleaved(stories: Iterable[Iterable[tuple[str, Message]]]) -> Iterator[tuple[str, Message]]:
    waiting = iter(stories)
    while together := list(itertools.islice(waiting, 100)):
        for step in zip(*together, strict=True):
            yield from step


async def decided(settings: RuntimeSettings) -> None:
    """Stand where a service stands that has taken all of it."""
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": "look"})
    connection = await asyncpg.connect(settings.postgres.get_secret_value())
    for topic in (route.topic for route in ROUTES):
        for part in consumer.list_topics(topic, 10).topics[topic].partitions:
            await connection.execute(POSITION, topic, part, consumer.get_watermark_offsets(TopicPartition(topic, part), 10)[1])
    await connection.close()
    consumer.close()


async def _copy(stack: Stack) -> tuple[int, float]:
    """How many rows the projection and its states hold, and the seconds that COPY takes to put them into tables with the same indexes."""
    connection = await asyncpg.connect(stack.dsn, server_settings={"search_path": "visibility", "synchronous_commit": "off"})
    rows, taken = 0, 0.0
    for table in (*TABLES, "state"):
        columns = await connection.fetchval(COLUMNS, "visibility", table)
        await connection.execute(PLACE.format(table=table))
        kept = bytearray()

        async def keep(piece: bytes, kept: bytearray = kept) -> None:
            kept.extend(piece)

        await connection.copy_from_query(f"select {columns} from {table}", output=keep, format="binary")
        rows += await connection.fetchval(f"select count(*) from {table}")
        began = time.monotonic()
        await connection.execute("set search_path = copied")
        await connection.copy_to_table(table, source=_pieces(bytes(kept)), columns=_names(columns), format="binary")
        taken += time.monotonic() - began
        await connection.execute("set search_path = visibility")
    await connection.close()
    return rows, taken


async def _pieces(kept: bytes, size: int = 1 << 20) -> Any:
    for start in range(0, len(kept), size):
        yield kept[start : start + size]


def _names(columns: str) -> list[str]:
    return [name.strip('"') for name in columns.split(", ")]
