"""A plain consumer group on the slow ERP: a member for each partition, a record at a time, its offset committed behind it."""

import asyncio

from aiokafka import AIOKafkaConsumer

from tests.bench.job import PARTITIONS, Job, decode
from tests.bench.subjects.erp import Erp, session


async def main() -> None:
    job = Job.given()
    async with session() as calls:
        erp = Erp(job, calls)
        await asyncio.gather(*(_member(job, erp) for _ in range(PARTITIONS)))


async def _member(job: Job, erp: Erp) -> None:
    consumer = AIOKafkaConsumer(
        job.source, bootstrap_servers=job.bootstrap, group_id=job.name, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    async for message in consumer:
        await erp.set_up(decode(message.value))
        await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main())
