"""`python -m tests.simulation --seeds N [--from S]` plays schedules and names the seeds that fail; `--seed S` plays one and tells its story."""

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.quiet import quiet
from tests.simulation.schedule import Result, run


def _quietly(seed: int) -> Result:
    with quiet():
        return run(seed)


def _tell(seed: int) -> int:
    with quiet():
        result = run(seed, tracing=True)
    print("\n".join(result.trace))
    print("\n".join(result.problems) or f"seed {seed} holds")
    return 1 if result.problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many schedules")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="play this one and print every event")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    if wanted.seed is not None:
        return _tell(wanted.seed)
    began, failed, faults = time.monotonic(), 0, Counter[str]()
    with ProcessPoolExecutor(wanted.jobs) as pool:
        for result in pool.map(_quietly, range(wanted.first, wanted.first + wanted.seeds), chunksize=20):
            faults.update(result.faults)
            if result.problems:
                failed += 1
                print(f"seed {result.seed}: {result.problems[0]} ({len(result.problems)} in all)", flush=True)
    took = time.monotonic() - began
    print(f"{wanted.seeds} schedules, {failed} failed, {wanted.seeds / took * 60:.0f} a minute; {sum(faults.values())} faults: {dict(faults)}")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets is part of a schedule
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *sys.argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
