"""What a person would do at the terminal beside the running stack: dead letters planned and applied, a service's decisions made once more."""

import json
import subprocess
import sys
from typing import Any

from deploy.embedded import home
from deploy.embedded.processes import endpoints, environments, table
from tests.faults.arena import Arena
from tests.faults.parts import ROOT

WHY = "the harness mends what it broke"
PATIENCE_S = 1200.0


class Failed(Exception):
    """The command says why."""


def publish(arena: Arena) -> None:
    """Say where everything is, as `throughline up` does, so that its other commands find it."""
    run = arena.plan.home / "run"
    home.write_json(run / "environments.json", environments(arena.plan, table(arena.plan)))
    home.write_json(run / "endpoints.json", endpoints(arena.plan))


def throughline(arena: Arena, *words: str) -> Any:
    """What the command tells as JSON. Raises Failed."""
    command = [sys.executable, "-m", "shared.ops", *words, "--home", str(arena.plan.home), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Failed(f"throughline {' '.join(words)}: exit code {done.returncode}: {done.stderr.strip()[-400:]}") from error


def redrive(arena: Arena, service: str) -> int:
    """Plan every dead letter of a service and apply the plan; how many were decided on again."""
    plan = throughline(arena, "dlt", "plan", "--service", service, "--why", WHY)
    if not plan["items"]:
        return 0
    told = throughline(arena, "dlt", "apply", plan["plan"])
    return sum(count for status, count in told["progress"].items() if status in ("confirmed", "waiting", "failed_same", "failed_new"))


def replay(arena: Arena, service: str) -> Any:
    """The report of a service deciding once more on all it ever read."""
    return throughline(arena, "replay", service)
