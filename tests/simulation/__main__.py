"""Plays schedules, tells how far it is, and ends with a table; a seed that fails is named with the command that plays it again.

`--seeds 5000` plays so many fresh ones, `--from 0 --seeds 800` always the same, `--seed S` one of them, and prints its story."""

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from shared.ops.feed_progress import shown
from tests.simulation.faults import AIMS
from tests.simulation.quiet import quiet
from tests.simulation.report import Report
from tests.simulation.schedule import Result, run

AT_A_TIME = 20


def _prepared() -> None:
    gc.set_threshold(50_000, 20, 50)


def _played(seeds: range, aim: str | None) -> list[Result]:
    with quiet():
        return [run(seed, aim=aim) for seed in seeds]


def _tell(seed: int, aim: str | None) -> int:
    with quiet():
        result = run(seed, tracing=True, aim=aim)
    print("\n".join(result.trace))
    print("\n".join(result.problems) or f"seed {seed} holds")
    return 1 if result.problems else 0


def _play(first: int, count: int, seconds: float, jobs: int, aim: str | None) -> Iterator[Result]:
    """Stops after `seconds`, however many are left."""
    end = time.monotonic() + seconds
    parts = [range(at, min(at + AT_A_TIME, first + count)) for at in range(first, first + count, AT_A_TIME)]
    with ProcessPoolExecutor(jobs, initializer=_prepared) as pool:
        for results in pool.map(_played, parts, [aim] * len(parts)):
            yield from results
            if time.monotonic() > end:
                pool.shutdown(cancel_futures=True)
                return


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many schedules (1000)")
    parser.add_argument("--from", dest="first", type=int, metavar="SEED", help="the first seed; without it they are fresh, by the clock")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="S", help="begin no more after so long")
    parser.add_argument("--seed", type=int, metavar="SEED", help="play this one and print every event")
    parser.add_argument("--aim", choices=AIMS, help="aim faults in this way only; without it that is drawn too")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (one for each core)")
    return parser.parse_args()


def main() -> int:
    wanted = _wanted()
    if wanted.seed is not None:
        return _tell(wanted.seed, wanted.aim)
    first = time.time_ns() // 10**6 % 10**10 if wanted.first is None else wanted.first
    report = Report(first, wanted.aim)
    with shown(doing="playing", of="schedules") as progress:
        for result in _play(first, wanted.seeds, wanted.seconds, wanted.jobs, wanted.aim):
            report.take(result)
            if result.problems:
                progress.say(report.failure(result))
            progress.advance("seeds", report.played, wanted.seeds)
    print(report.as_markdown())
    return 1 if report.failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a schedule
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
