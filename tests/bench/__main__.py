"""`python -m tests.bench --only 1,4 --repeat 3 --scale full`: run benchmarks on a stack of their own, write JSON and a picture."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.runtime.command_line import quick
from tests.bench import durable, end_to_end, growth, instances, rebuild, redrive, slow_erp, start, trouble
from tests.bench.measure import environment
from tests.bench.picture import picture
from tests.support.stack import Stack, free_port_base, remove_home

RESULTS = Path(__file__).parent / "results"
RECORDS = {"small": 20_000, "full": 100_000}


@contextmanager
def parts() -> Iterator[Stack]:
    """Kafka, PostgreSQL and registry for the benchmarks that measure the runtime alone."""
    home = Path(tempfile.mkdtemp(prefix="throughline-bench-"))
    stack = Stack(home, free_port_base())
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        remove_home(home)


def durable_job(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(durable.run(stack, given.repeat, RECORDS[given.scale], frozenset(filter(None, given.subjects.split(",")))))


def slowed(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(slow_erp.run(stack, given.repeat, given.scale))


def troubled(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(trouble.run(stack, given.repeat, given.scale))


def rebuilt(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return quick(rebuild.run(stack, given.repeat, given.scale))


def redriven(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(redrive.run(stack, given.repeat, given.scale))


def growing(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(growth.run(stack, given.scale))


def several(given: argparse.Namespace) -> dict[str, Any]:
    with parts() as stack:
        return asyncio.run(instances.run(stack, given.repeat, RECORDS[given.scale]))


BENCHMARKS: dict[int, tuple[str, Callable[[argparse.Namespace], dict[str, Any]]]] = {
    1: ("durable", durable_job),
    2: ("slow-erp", slowed),
    3: ("trouble", troubled),
    4: ("end-to-end", lambda given: end_to_end.run(given.scale, given.repeat)),
    5: ("rebuild", rebuilt),
    6: ("redrive", redriven),
    7: ("growth", growing),
    8: ("instances", several),
    9: ("start", lambda given: start.run(given.repeat)),
}


def draw(results: Path) -> None:
    """One picture of all that was ever measured into this folder."""
    found = [json.loads(path.read_text()) for path in sorted(results.glob("*.json"))]
    (results / "benchmarks.svg").write_text(picture(found))


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", choices=sorted(RECORDS), default="full")
    parser.add_argument("--subjects", default="", help="of benchmark 1: only these")
    parser.add_argument("--results", type=Path, default=RESULTS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # takes down what it started, as Ctrl-C does
    wanted = [int(number) for number in given.only.split(",") if number] or sorted(BENCHMARKS)
    failed = [number for number in wanted if not measured(number, given)]
    if failed:
        sys.exit(f"These did not get to their end: {', '.join(map(str, failed))}. What they were measured at is kept; the reasons are above.")


def measured(number: int, given: argparse.Namespace) -> bool:
    """Whether the benchmark, and each of its subjects, got to its end; one that does not takes none of the others with it."""
    name, run = BENCHMARKS[number]
    print(f"== {number} {name}", flush=True)
    before, began = environment(), time.monotonic()
    result = {"benchmark": number, "name": name, "scale": given.scale, "repeat": given.repeat, "environment": before}
    try:
        result |= run(given)
    except Exception:
        traceback.print_exc()
        return False
    result["took_s"] = round(time.monotonic() - began, 1)
    given.results.mkdir(parents=True, exist_ok=True)
    (given.results / f"{number}-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(given.results)
    print(f"   {result['took_s']:.0f} s; targets met: {result.get('met')}", flush=True)
    return not result.get("failed")


if __name__ == "__main__":
    main()
