"""A stack is looked after from the moment it is up, also while it is fed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.embedded import home, up
from deploy.embedded.errors import StackError
from deploy.embedded.plan import Plan
from deploy.embedded.progress import Progress
from deploy.embedded.supervise import State, Supervisor


class Failing(Supervisor):
    """A supervisor under which one process never stays up."""

    def states(self) -> dict[str, State]:
        return {"visibility": State("FATAL", 0)}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Up, under a supervisor that fails; whatever it is fed takes longer than anybody waits."""
    (tmp_path / "endless").write_text("#!/bin/sh\nexec sleep 20\n")
    (tmp_path / "endless").chmod(0o755)

    @contextmanager
    def running(plan: Plan, progress: Progress) -> Iterator[up.Stack]:
        yield up.Stack(plan, Failing(plan.home), progress)

    monkeypatch.setattr(sys, "executable", str(tmp_path / "endless"))
    monkeypatch.setattr(up, "running", running)
    for later in ("wait_until_idle", "keep"):
        monkeypatch.setattr(up, later, lambda *given: pytest.fail("the feed came to its end"))
    return Plan(tmp_path)


@pytest.mark.parametrize(
    "errand", [up.Errand(feeds=(Path("a.json"),), until_idle=True), up.Errand(demo=True, until_idle=True)], ids=["a feed", "the demo"]
)
def test_a_process_that_does_not_stay_up_ends_a_run_while_it_is_fed(errand: up.Errand, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "PATIENCE", 0)
    with pytest.raises(StackError, match=r"visibility does not stay up.*log says why\.$"):
        up.run(plan, errand, Progress())


def test_a_full_disk_ends_a_run_while_it_is_fed(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "LAST_RESERVE", sys.maxsize)
    with pytest.raises(StackError, match=r"The disk of .* is full"):
        up.run(plan, up.Errand(feeds=(Path("a.json"),)), Progress())
