"""Benchmark 7: the durable job while the state grows: the rate of the last records, memory, disk, restart, trace."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, Producer

from tests.bench import tracing
from tests.bench.durable import OURS, prepare
from tests.bench.job import SCHEMA, Job, encode, orders
from tests.bench.subject import appended, committed, job, registered, running, source, used, wait_for
from tests.support.stack import Stack, wait_until

SIZES = {"small": (10_000, 30_000), "full": (10_000, 100_000, 1_000_000)}
MEASURED = 20_000  # of the last records, each of another contract
TIMEOUT_S = 1200


async def run(stack: Stack, scale: str) -> dict[str, Any]:
    """The first pass makes every contract's state; the records that are measured change states made long before."""
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    rows = [await _grown(stack, contracts, schema_id) for contracts in SIZES[scale]]
    traces = await tracing.run(stack, SIZES[scale])
    return {"title": "Growth of the state", "unit": "records/s", "rows": rows, "traces": traces} | _judged(rows, traces)


def _judged(rows: Sequence[dict[str, Any]], traces: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """No worse than logarithmic: from the least to the greatest state, the time a record and the time a trace grow by no more than log(size) does."""
    allowed = math.log(rows[-1]["contracts"]) / math.log(rows[0]["contracts"])
    grown = {"record": rows[0]["records_per_s"] / rows[-1]["records_per_s"], "trace": traces[-1]["trace_p50_ms"] / traces[0]["trace_p50_ms"]}
    met = {name: ratio <= allowed for name, ratio in grown.items()}
    return {"grown": {name: round(ratio, 3) for name, ratio in grown.items()}, "target": round(allowed, 3), "met": met}


async def _grown(stack: Stack, contracts: int, schema_id: int) -> dict[str, Any]:
    count = contracts + MEASURED
    given = await job(stack, f"growth-{contracts}", source(stack, f"bench.growth.{contracts}", count, contracts, schema_id))
    await prepare(stack, given)
    with running(OURS, "throughline", given) as process:
        wait_for(process, given, count, time.monotonic() + TIMEOUT_S)
        _, memory = used(process)
    times = sorted(message.timestamp()[1] for message in committed(given.bootstrap, given.output))
    lasted = (times[-1] - times[-MEASURED]) / 1000
    row = {"contracts": contracts, "records_per_s": round(MEASURED / lasted), "memory_mb": round(memory, 1)}
    row |= {"disk_mb": await _disk(given), "restart_s": round(_restart(given, schema_id), 2)}
    print(f"  {row}", flush=True)
    return row


async def _disk(given: Job) -> float:
    connection = await asyncpg.connect(given.dsn)
    octets = int(await connection.fetchval("select pg_database_size(current_database())"))
    await connection.close()
    return round(octets / 2**20, 1)


def _restart(given: Job, schema_id: int) -> float:
    """Seconds from the start of the process to the publication of a record that waits for it; joining the group is most of it."""
    again = replace(given, folder=f"{given.folder}-again")
    Path(again.folder).mkdir()
    looking = Consumer({"bootstrap.servers": given.bootstrap, "group.id": "look", "log_level": 0})
    before = appended(looking, given)
    order = next(orders(1, 1, seed=0))  # of another seed: an event that was not there before
    producer = Producer({"bootstrap.servers": given.bootstrap})
    producer.produce(given.source, encode(order, schema_id), key=order["contract_id"])
    producer.flush(30)
    began = time.time()
    with running(OURS, "throughline", again):
        wait_until(lambda: appended(looking, given) > before, timeout=TIMEOUT_S)
        return time.time() - began
