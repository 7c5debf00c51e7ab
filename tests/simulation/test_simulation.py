"""Thousands of small histories with everything that goes wrong in them, in virtual time: whatever happens, the invariants hold at rest."""

import subprocess
import sys
import time

import pytest

from tests.simulation.quiet import quiet
from tests.simulation.schedule import run

FIXED, FRESH = 800, 200


def played(first: int, count: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", "--from", str(first), "--seeds", str(count)]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.parametrize(("first", "count"), [(0, FIXED), (time.time_ns() % 10**9 + FIXED, FRESH)], ids=["fixed", "fresh"])
def test_schedules_hold(first: int, count: int) -> None:
    result = played(first, count)
    assert result.returncode == 0, f"play a seed again with `python -m tests.simulation --seed SEED`\n{result.stdout}{result.stderr}"


def test_a_seed_tells_the_same_story_every_time() -> None:
    with quiet():
        first, second = run(7, tracing=True), run(7, tracing=True)
    assert len(first.trace) > 20
    assert first.trace == second.trace
