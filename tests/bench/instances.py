"""Benchmark 8: one, two and four instances of the durable job: their rate, and whose lanes stand still when another instance joins."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from tests.bench.durable import CONTRACTS, OURS, prepare
from tests.bench.job import SCHEMA, Job
from tests.bench.measure import compared, quantile, spread
from tests.bench.subject import WARM_UP, committed, fill, job, log_of, registered, running, topic, wait_for
from tests.bench.trouble import FIRST, PER_SECOND, send, send_first
from tests.support.stack import Stack

TIMEOUT_S = 300
TARGET, PAUSE_TARGET = 1.5, 2  # twice the usual silence is within what evenly sent records show anyway
JOINING_S, SETTLE_MS = 18, 2000


async def run(stack: Stack, repeat: int, records: int) -> dict[str, Any]:
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for turn in range(repeat):
        for number, kept in rates.items():
            kept.append(await _rate(stack, f"instances-{turn}-{number}", number, records, schema_id))
            print(f"  {number} instance(s): {kept[-1]:,.0f} records/s", flush=True)
    rows = [{"instances": number, "records_per_s": spread(kept)} for number, kept in rates.items()]
    told = {"title": "Instances", "unit": "records/s", "rows": rows} | compared(rates[2], rates[1], TARGET)
    joining = [await _joining(stack, turn, schema_id) for turn in range(repeat)]
    return told | {"joining": _paused(joining)}


async def _rate(stack: Stack, name: str, number: int, records: int, schema_id: int) -> float:
    """All instances have their lanes before the first record comes: joining is measured by itself."""
    given = await job(stack, name, topic(stack, f"bench.{name}"))
    await prepare(stack, given)
    with ExitStack() as running_all:
        each = [_instance(given, n) for n in range(number)]
        processes = [running_all.enter_context(running(OURS, "throughline", one)) for one in each]
        for process, one in zip(processes, each, strict=True):
            _await_lanes(process, one)
        fill(stack, given.source, records, CONTRACTS, schema_id)
        wait_for(processes[0], given, records, time.monotonic() + TIMEOUT_S)
    times = sorted(message.timestamp()[1] for message in committed(given.bootstrap, given.output))
    warm = int(len(times) * WARM_UP)
    return (len(times) - warm) * 1000 / (times[-1] - times[warm])


def _await_lanes(process: psutil.Popen, given: Job) -> None:
    """Raises AssertionError with the end of its log when the instance has ended, or has no lanes after a minute."""
    end = time.monotonic() + 60
    while not _lanes_of(given):
        starting = process.poll() is None and time.monotonic() < end
        assert starting, f"{given.folder} has no lanes:\n{log_of(given)}"
        time.sleep(0.05)


def _paused(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """How much longer the lanes that stayed were silent than the same lanes were before anybody joined."""
    ratios = [max(run["stayed_ms"]) / max(run["before_ms"]) for run in runs]
    median = quantile(ratios, 0.5)
    return {"stayed_to_before": spread(ratios), "target": PAUSE_TARGET, "met": median <= PAUSE_TARGET, "runs": runs}


async def _joining(stack: Stack, turn: int, schema_id: int) -> dict[str, Any]:
    given = await job(stack, f"joining-{turn}", topic(stack, f"bench.joining-{turn}"))
    await prepare(stack, given)
    told = _joined(given, _instance(given, 1), schema_id)
    print(f"  joining: {told}", flush=True)
    return told


def _joined(given: Job, second: Job, schema_id: int) -> dict[str, Any]:
    """The longest silences of lanes under an even load: before a second instance joined, then of those that it took over and of the others."""
    with running(OURS, "throughline", given) as first, ThreadPoolExecutor(1) as sender:
        send_first(given, schema_id)
        wait_for(first, given, FIRST, time.monotonic() + TIMEOUT_S)
        began, sending = time.time() * 1000, sender.submit(send, given, 0.0, PER_SECOND * JOINING_S, schema_id)
        time.sleep(JOINING_S / 3)
        joined = time.time() * 1000
        with running(OURS, "throughline", second):
            due = sending.result(TIMEOUT_S)
            wait_for(first, given, FIRST + len(due), time.monotonic() + TIMEOUT_S)
    return _silences(given, _lanes_of(second), began, joined)


def _lanes_of(given: Job) -> set[str]:
    """The lanes that an instance says it has claimed."""
    lines = [json.loads(line) for line in (Path(given.folder) / "log").read_text().splitlines() if '"lanes_claimed"' in line]
    return {lane for line in lines for lane in line["lanes"]}


def _silences(given: Job, taken_over: set[str], began: float, joined: float) -> dict[str, Any]:
    lanes: dict[str, list[int]] = {}
    for message in committed(given.bootstrap, given.output):
        lane: Any = dict(message.headers() or [])["throughline-lane"]
        lanes.setdefault(lane.decode(), []).append(message.timestamp()[1])
    found: dict[str, list[int]] = {"before": [], "stayed": [], "taken_over": []}
    for lane, times in lanes.items():
        pairs = list(pairwise(sorted(time for time in times if time > began + SETTLE_MS)))
        found["before"].append(max(b - a for a, b in pairs if b <= joined))
        found["taken_over" if lane in taken_over else "stayed"].append(max(b - a for a, b in pairs if b > joined))
    return {f"{name}_ms": sorted(silences) for name, silences in found.items()}


def _instance(given: Job, number: int) -> Job:
    folder = Path(f"{given.folder}-{number}")
    folder.mkdir(exist_ok=True)
    return replace(given, folder=str(folder))
