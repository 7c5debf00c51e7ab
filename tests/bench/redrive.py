"""Benchmark 6: dead letters of as many keys, applied by one plan to their end, beside a bare pipe that carries the same bytes."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from shared.kernel.cause import Cause
from shared.ops.dlt_desk import Desk
from shared.ops.dlt_redrive import steps
from shared.runtime.records import packed
from tests.bench.durable import OURS, prepare
from tests.bench.job import PARTITIONS, SCHEMA, Job, encode, orders
from tests.bench.measure import compared, failing, spread
from tests.bench.subject import job, measured, registered, running, source, topic
from tests.bench.subjects.throughline import TOKEN
from tests.support.stack import Stack, wait_until

LETTERS = {"small": 10_000, "full": 100_000}
TARGET = 0.5
TIMEOUT_S = 600
COLUMNS = ("topic", "part", "offset", "key", "record_key", "value", "headers", "code", "message", "fingerprint")
CAUSE = Cause("unknown-rate", "the rate of this order is not known")


async def run(stack: Stack, repeat: int, scale: str) -> dict[str, Any]:
    schema_id, count = registered(stack, "bench.in-value", SCHEMA), LETTERS[scale]
    read = source(stack, "bench.redrive", count, count, schema_id)
    piped, applied, failed = list[dict[str, Any]](), list[dict[str, Any]](), list[str]()
    for turn in range(repeat):
        with failing(f"turn {turn + 1}", failed):
            pipe = asdict(measured(OURS, "pipe", await job(stack, f"pipe-{turn}", read), count, TIMEOUT_S))
            applied.append(await _applied(stack, f"redrive-{turn}", count, schema_id))
            piped.append(pipe)
            print(f"  {turn + 1}/{repeat} pipe {piped[-1]['records_per_s']:,.0f} records/s, apply {_words(applied[-1])}", flush=True)
    rows = [
        {"subject": "Throughline, dlt apply", "records_per_s": spread([each["records_per_s"] for each in applied]), "runs": applied},
        {"subject": "bare pipe", "records_per_s": spread([each["records_per_s"] for each in piped]), "runs": piped},
    ]
    told = compared([each["records_per_s"] for each in applied], [each["records_per_s"] for each in piped], TARGET)
    return {"title": "Dead-letter apply", "unit": "letters/s", "letters": count, "rows": rows, "failed": failed} | told


def _words(run: dict[str, Any]) -> str:
    return f"{run['records_per_s']:,.0f} letters/s, judged in {run['judged_s']} s, {run['memory_mb']} MB"


async def _applied(stack: Stack, name: str, count: int, schema_id: int) -> dict[str, Any]:
    given = await job(stack, name, topic(stack, f"bench.{name}"))
    await prepare(stack, given)
    await _bury(given, count, schema_id)
    with running(OURS, "throughline", given) as process:
        return _apply(given, process, count)


def _apply(given: Job, process: psutil.Popen, count: int) -> dict[str, Any]:
    """The time that counts is that of `dlt apply`: from its first word to the desk's answer that all is confirmed."""
    desk, began = _desk(given), time.monotonic()
    plan = desk.judge(desk.begin(None, None, "the rate is known now"), lambda told: None)
    judged = time.monotonic() - began
    looks = [(told, _memory(process)) for told in steps(desk, plan)]
    lasted = time.monotonic() - began - judged
    told, memory = looks[-1][0], [held for _, held in looks]
    assert told["progress"] == {"confirmed": count}, f"{given.name} ended otherwise: {told}"
    cpu = process.cpu_times()
    run = {"records_per_s": round(count / lasted, 1), "judged_s": round(judged, 2), "cpu_s": round(cpu.user + cpu.system, 2)}
    return run | {"memory_mb": {"begin": memory[0], "half_way": memory[len(memory) // 2], "end": memory[-1]}}


def _desk(given: Job) -> Desk:
    wait_until(lambda: "lanes_claimed" in (Path(given.folder) / "log").read_text())
    return Desk(given.name, (Path(given.folder) / "ops").read_text(), TOKEN, "bench")


def _memory(process: psutil.Popen) -> float:
    return float(round(process.memory_info().rss / 2**20, 1))


async def _bury(given: Job, count: int, schema_id: int) -> None:
    """As the service would have buried them, one a key, before its cause was mended."""
    connection = await asyncpg.connect(given.dsn)
    await connection.copy_records_to_table("dead_letter", records=_letters(given, count, schema_id), columns=COLUMNS)
    await connection.execute("analyze dead_letter")
    await connection.close()


def _letters(given: Job, count: int, schema_id: int) -> Iterator[tuple[Any, ...]]:
    nothing = packed([])
    for number, order in enumerate(orders(count, count)):
        contract = order["contract_id"]
        place = (given.source, number % PARTITIONS, number // PARTITIONS, f"contract:{contract}", contract.encode())
        yield *place, encode(order, schema_id), nothing, CAUSE.code, CAUSE.message, CAUSE.fingerprint
