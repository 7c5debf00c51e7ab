"""Benchmark 8: one instance and two of the durable job: their rate, and how long lanes stand still when a second instance joins."""

import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.durable import CONTRACTS, OURS, prepare
from tests.bench.job import SCHEMA, Job
from tests.bench.measure import quantile, spread
from tests.bench.subject import WARM_UP, committed, fill, job, registered, running, source, topic, wait_for
from tests.support.stack import Stack, wait_until

TIMEOUT_S = 300


async def run(stack: Stack, repeat: int, records: int) -> dict[str, Any]:
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    rates: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(repeat):
        for number, kept in rates.items():
            kept.append(await _rate(stack, f"instances-{turn}-{number}", number, records, schema_id))
            print(f"  {number} instance(s): {kept[-1]:,.0f} records/s", flush=True)
    rows = [{"instances": number, "records_per_s": spread(kept)} for number, kept in rates.items()]
    ratio = quantile(rates[2], 0.5) / quantile(rates[1], 0.5)
    told = {"title": "Instances", "unit": "records/s", "rows": rows, "ratio": round(ratio, 3), "target": 1.5}
    return told | {"joining": await _joining(stack, records, schema_id), "not_measured": ["4 instances"]}


async def _rate(stack: Stack, name: str, number: int, records: int, schema_id: int) -> float:
    """All instances have their lanes before the first record comes: joining is measured by itself."""
    given = await job(stack, name, topic(stack, f"bench.{name}"))
    await prepare(stack, given)
    with ExitStack() as running_all:
        each = [_instance(given, n) for n in range(number)]
        processes = [running_all.enter_context(running(OURS, "throughline", one)) for one in each]
        wait_until(lambda: all("lanes_claimed" in (Path(one.folder) / "log").read_text() for one in each))
        fill(stack, given.source, records, CONTRACTS, schema_id)
        wait_for(processes[0], given, records, time.monotonic() + TIMEOUT_S)
    times = sorted(message.timestamp()[1] for message in committed(given.bootstrap, given.output))
    warm = int(len(times) * WARM_UP)
    return (len(times) - warm) * 1000 / (times[-1] - times[warm])


async def _joining(stack: Stack, records: int, schema_id: int) -> dict[str, Any]:
    """The longest silence of each lane's publications once a second instance was started, while the first had work for every lane."""
    given = await job(stack, "joining", source(stack, "bench.joining", records, CONTRACTS, schema_id))
    await prepare(stack, given)
    with running(OURS, "throughline", given) as first:
        wait_for(first, given, 1, time.monotonic() + TIMEOUT_S, quiet_s=0)
        joined = time.time() * 1000
        with running(OURS, "throughline", _instance(given, 1)):
            wait_for(first, given, records, time.monotonic() + TIMEOUT_S)
    lanes: dict[Any, list[int]] = {}
    for message in committed(given.bootstrap, given.output):
        lanes.setdefault(dict(message.headers() or [])["throughline-lane"], []).append(message.timestamp()[1])
    silences = [max((b - a for a, b in pairwise(times) if b > joined), default=0) for times in map(sorted, lanes.values())]
    return {"longest_silence_of_each_lane_ms": sorted(silences)}


def _instance(given: Job, number: int) -> Job:
    folder = Path(f"{given.folder}-{number}")
    folder.mkdir(exist_ok=True)
    return replace(given, folder=str(folder))
