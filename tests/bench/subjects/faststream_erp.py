"""FastStream on the slow ERP: as many workers as the ERP takes calls. They acknowledge first: a crash loses what they have in hand."""

import asyncio

from faststream import AckPolicy, FastStream  # type: ignore[import-not-found]
from faststream.confluent import KafkaBroker  # type: ignore[import-not-found]

from tests.bench.job import Job, decode
from tests.bench.subjects.erp import Erp, session

WORKERS = 15


async def main() -> None:
    job = Job.given()
    broker = KafkaBroker(job.bootstrap, logger=None)
    async with session() as calls:
        erp = Erp(job, calls)

        async def on_order(body: bytes) -> None:
            await erp.set_up(decode(body))

        broker.subscriber(
            job.source, group_id=job.name, auto_offset_reset="earliest", max_workers=WORKERS, ack_policy=AckPolicy.ACK_FIRST
        )(on_order)
        await FastStream(broker).run()


if __name__ == "__main__":
    asyncio.run(main())
