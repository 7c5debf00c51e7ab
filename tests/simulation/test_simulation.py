"""Thousands of small histories with everything that goes wrong in them, in virtual time: whatever happens, the invariants hold at rest."""

import subprocess
import sys

import pytest

from tests.simulation.quiet import quiet
from tests.simulation.schedule import run

FIXED = ("--from", "0", "--seeds", "800")
FRESH = ("--seeds", "2000", "--seconds", "120")


@pytest.mark.parametrize("which", [FIXED, FRESH], ids=["fixed", "fresh"])
def test_schedules_hold(which: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tests.simulation", *which]
    result = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, f"{result.stdout}{result.stderr}"


def test_a_seed_tells_the_same_story_every_time() -> None:
    with quiet():
        first, second = run(7, tracing=True), run(7, tracing=True)
    assert len(first.trace) > 20
    assert first.trace == second.trace
