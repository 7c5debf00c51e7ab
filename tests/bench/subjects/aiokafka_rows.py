"""aiokafka with asyncpg: a transaction a record, its six partitions at once, offsets committed behind each round."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.job import PARTITIONS, Job, decode, encode
from tests.bench.subjects.rows import decided, opened

ROUND = 100  # records of a partition between two commits of offsets


async def main() -> None:
    job = Job.given()
    pool = await opened(job.dsn, PARTITIONS)
    consumer = AIOKafkaConsumer(
        job.source, bootstrap_servers=job.bootstrap, group_id=job.name, auto_offset_reset="earliest", enable_auto_commit=False
    )
    producer = AIOKafkaProducer(bootstrap_servers=job.bootstrap, enable_idempotence=True, linger_ms=1)
    await consumer.start()
    await producer.start()
    while True:
        fetched = await consumer.getmany(timeout_ms=200, max_records=ROUND * PARTITIONS)
        await asyncio.gather(*(_take(pool, producer, job.output, messages) for messages in fetched.values()))
        if fetched:
            await producer.flush()
            await consumer.commit()


async def _take(pool: Any, producer: AIOKafkaProducer, output: str, messages: list[Any]) -> None:
    for message in messages:
        published = await decided(pool, decode(message.value))
        if published:
            await producer.send(output, encode(published), key=message.key)


if __name__ == "__main__":
    asyncio.run(main())
