"""FastStream on confluent-kafka with eight workers and asyncpg, one transaction a record. Its workers acknowledge first: a crash can lose records."""

import asyncio
from typing import Any

from faststream import AckPolicy, FastStream  # type: ignore[import-not-found]
from faststream.confluent import KafkaBroker, KafkaMessage  # type: ignore[import-not-found]

from tests.bench.job import Job, decode, encode
from tests.bench.subjects.rows import decided, opened

WORKERS = 8


async def main() -> None:
    job = Job.given()
    pool = await opened(job.dsn, WORKERS)
    broker = KafkaBroker(job.bootstrap, logger=None)

    async def on_order(body: bytes, message: Any) -> None:
        published = await decided(pool, decode(body))
        if published:
            await broker.publish(encode(published), job.output, key=message.raw_message.key())

    on_order.__annotations__["message"] = KafkaMessage
    broker.subscriber(
        job.source, group_id=job.name, auto_offset_reset="earliest", max_workers=WORKERS, ack_policy=AckPolicy.ACK_FIRST
    )(on_order)
    await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main())
