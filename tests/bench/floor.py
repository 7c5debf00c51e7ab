"""The least that a durable step can cost on this stack, measured in the same run: one Postgres commit, and one round trip through Kafka."""

import time
import uuid

import asyncpg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.bench.measure import quantile

TRIES = 100
UPSERT = "insert into bench_floor values (1, $1) on conflict (id) do update set body = excluded.body"


async def floor(bootstrap: str, dsn: str) -> dict[str, float]:
    """Milliseconds: medians of a one-row commit, of a record from produce to consumer, and of the same inside a Kafka transaction."""
    commit = await _commits(dsn)
    plain, transactional = _round_trips(bootstrap, {}), _round_trips(bootstrap, {"transactional.id": f"bench-{uuid.uuid4().hex[:8]}"})
    return {
        "postgres_commit_ms": round(quantile(commit, 0.5), 3),
        "kafka_round_trip_ms": round(quantile(plain, 0.5), 3),
        "kafka_transaction_ms": round(quantile(transactional, 0.5), 3),
    }


async def _commits(dsn: str) -> list[float]:
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists bench_floor (id int primary key, body bytea)")
    taken = []
    for _ in range(TRIES):
        began = time.perf_counter()
        await connection.execute(UPSERT, b"x" * 700)
        taken.append((time.perf_counter() - began) * 1000)
    await connection.execute("drop table bench_floor")
    await connection.close()
    return taken


def _round_trips(bootstrap: str, told: dict[str, str]) -> list[float]:
    name = f"bench.floor.{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 1)]).values():
        future.result(30)
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "floor", "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    )
    consumer.assign([TopicPartition(name, 0, 0)])
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "acks": "all", **told})
    if told:
        producer.init_transactions(30)
    taken = [_round_trip(producer, consumer, name, bool(told)) for _ in range(TRIES + 5)][5:]
    consumer.close()
    admin.delete_topics([name])
    return taken


def _round_trip(producer: Producer, consumer: Consumer, name: str, in_transaction: bool) -> float:
    began = time.perf_counter()
    if in_transaction:
        producer.begin_transaction()
    producer.produce(name, b"x" * 700)
    if in_transaction:
        producer.commit_transaction()
    else:
        producer.poll(0)
    while (message := consumer.poll(1.0)) is None or message.error():
        pass
    return (time.perf_counter() - began) * 1000
