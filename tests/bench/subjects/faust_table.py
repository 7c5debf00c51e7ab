"""Faust, exactly_once, its state in a table with a changelog topic."""

import sys
from pathlib import Path
from typing import Any

import faust

from tests.bench.job import PARTITIONS, Job, decide, decode, encode


def main() -> None:
    job = Job.given()
    app = faust.App(
        job.name,
        broker=f"kafka://{job.bootstrap}",
        processing_guarantee="exactly_once",
        consumer_auto_offset_reset="earliest",
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        datadir=Path(job.folder),
        web_enabled=False,
    )
    source = app.topic(job.source, key_serializer="raw", value_serializer="raw", partitions=PARTITIONS)
    output = app.topic(job.output, key_serializer="raw", value_serializer="raw", partitions=PARTITIONS)
    contracts = app.Table("contracts", partitions=PARTITIONS)

    async def on_orders(stream: Any) -> None:
        async for key, value in stream.items():
            order = decode(value)
            contracts[order["contract_id"]], published = decide(contracts.get(order["contract_id"]), order)
            if published:
                await output.send(key=key, value=encode(published))

    app.agent(source)(on_orders)
    sys.argv = [sys.argv[0], "worker", "-l", "warn"]
    app.main()


if __name__ == "__main__":
    main()
