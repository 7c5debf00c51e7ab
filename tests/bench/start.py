"""Benchmark 9: the whole stack from nothing to ready, from kept data to ready, and what it holds in memory while it has nothing to do."""

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from deploy.embedded.supervise import Supervisor
from tests.bench.measure import spread
from tests.e2e.whole import whole

IDLE_S = 10


def run(repeat: int) -> dict[str, Any]:
    cold, warm, memory = [], [], []
    for turn in range(repeat):
        with tempfile.TemporaryDirectory(prefix="throughline-bench-", ignore_cleanup_errors=True) as folder:
            cold.append(_ready(Path(folder))[0])
            taken, held = _ready(Path(folder))
        warm.append(taken)
        memory.append(held)
        print(f"  {turn + 1}/{repeat} cold {cold[-1]:.1f} s, warm {warm[-1]:.1f} s, idle {sum(held.values()):.0f} MB", flush=True)
    rows = [{"what": "cold start", "s": spread(cold)}, {"what": "warm start", "s": spread(warm)}]
    total = spread([sum(held.values()) for held in memory])
    return {"title": "Start to ready", "unit": "s", "rows": rows, "idle_memory_mb": total, "idle_memory_by_process_mb": memory[-1]}


def _ready(home: Path) -> tuple[float, dict[str, float]]:
    """Seconds to ready, and megabytes by process after a while of nothing to do; memory that processes share is divided among them."""
    began = time.monotonic()
    (home / "run" / "endpoints.json").unlink(missing_ok=True)
    with whole(home=home):
        taken = time.monotonic() - began
        time.sleep(IDLE_S)
        held: dict[str, float] = {}
        for name, state in Supervisor(home).states().items():
            if state.pid:
                process = psutil.Process(state.pid)
                family = [process, *process.children(recursive=True)]
                held[name] = round(sum(each.memory_full_info().pss for each in family) / 2**20, 1)
    return taken, held
