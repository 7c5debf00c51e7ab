"""Brings a stack up in order, feeds it, keeps it until it is idle or told to stop, and takes it down in the opposite order."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from deploy.embedded import home, jars, processes
from deploy.embedded.credentials import credential
from deploy.embedded.errors import StackError
from deploy.embedded.idle import wait_until_idle
from deploy.embedded.leftovers import end_leftovers
from deploy.embedded.plan import CONSOLE, EMBEDDED, Plan
from deploy.embedded.processes import SERVICES, Process, Stage
from deploy.embedded.progress import Progress
from deploy.embedded.readiness import Watch, fetch_json
from deploy.embedded.signals import Stopped, deaf, stopping_on_signals
from deploy.embedded.supervise import Supervisor

FOUND_SOMETHING = 3
"""Exit code of a feed that refused a part of what it read: said by the feed itself, no reason to stop."""

PATIENCE = 3
"""Rounds of restarts that a process gets in a run that is to end by itself."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What to do with the stack once it is ready."""

    feeds: tuple[Path, ...] = ()
    derive_mappings: bool = False
    demo: bool = False
    until_idle: bool = False
    report: Path | None = None


def run(plan: Plan, errand: Errand, progress: Progress) -> None:
    """One whole life of a stack, until the errand is done or the user asks to stop.

    Raises StackError, also when an errand that ends by itself was stopped before it did.
    """
    home.make(plan.home)
    with home.only_one(plan.home), stopping_on_signals():
        try:
            with running(plan, progress) as stack:
                _announce(plan, progress)
                _do(stack, errand)
        except Stopped as stopped:
            if errand.until_idle:
                raise StackError("stopped before everything was done; no report was written") from stopped


@dataclass(slots=True)
class Stack:
    """A stack that is up."""

    plan: Plan
    supervisor: Supervisor
    progress: Progress
    rows: tuple[Process, ...] = field(default=())
    given_up: Counter[str] = field(default_factory=Counter)

    def of(self, stage: Stage) -> list[Process]:
        return [row for row in self.rows if row.stage is stage]


@contextmanager
def running(plan: Plan, progress: Progress, last: Stage = Stage.SERVICES) -> Iterator[Stack]:
    """Start everything up to the stage `last`, and stop it all at the end. The caller holds the home."""
    stack = Stack(plan, Supervisor(plan.home), progress, tuple(row for row in processes.table(plan) if row.stage <= last))
    _clear_the_way(stack)
    try:
        _start(stack)
        yield stack
    finally:
        _stop(stack)


def _clear_the_way(stack: Stack) -> None:
    if ended := end_leftovers(stack.plan.home):
        stack.progress.say(f"  ..  ended {ended} processes that an earlier run left behind")
    home.check_ports(stack.rows)
    if stack.plan.broker == EMBEDDED:
        stack.plan.cluster.prepare()
        with stack.progress.step("Kafka's jars are here and are the locked ones") as say:
            jars.ensure(lambda done, total: say(f"fetched {done} of {total}"))


def _start(stack: Stack) -> None:
    """Sandboxes need nothing and start beside the infrastructure; services start when all they need is there."""
    stack.supervisor.start(stack.rows, processes.shared_environment(stack.plan))
    stack.supervisor.launch([*stack.of(Stage.INFRASTRUCTURE), *stack.of(Stage.SANDBOXES)])
    _wait_for(stack, Stage.INFRASTRUCTURE, "PostgreSQL, Kafka and the schema registry")
    if stack.of(Stage.SERVICES):
        _prepare(stack)
        stack.supervisor.launch(stack.of(Stage.SERVICES))
    _wait_for(stack, Stage.SANDBOXES, "sandboxes")
    _wait_for(stack, Stage.SERVICES, "services")
    home.write_json(stack.plan.home / "run" / "environments.json", processes.environments(stack.plan, stack.rows))
    home.write_json(_endpoints(stack.plan.home), processes.endpoints(stack.plan))


def _endpoints(folder: Path) -> Path:
    """What `throughline` reads to find the stack; there only while it is up."""
    return folder / "run" / "endpoints.json"


def _wait_for(stack: Stack, stage: Stage, title: str) -> None:
    if rows := stack.of(stage):
        with stack.progress.step(title) as say:
            Watch(stack.supervisor, stack.plan).wait_for(rows, lambda name: say(f"{name} is ready"))


def _prepare(stack: Stack) -> None:
    """Databases, topics and schemas: after the infrastructure, before anything that uses them."""
    for service in SERVICES:
        credential(stack.plan.home, service)
    with stack.progress.step("tables, topics and schemas"):
        admin = {"THROUGHLINE_POSTGRES_ADMIN": stack.plan.admin_dsn}
        _call(stack, "shared.ops.prepare", "--home", str(stack.plan.home), environment=admin, quiet=True)


def _call(
    stack: Stack,
    module: str,
    *arguments: str,
    environment: dict[str, str] | None = None,
    quiet: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Run one of our own commands to its end; `meanwhile` is called every second and raises to end it. Raises StackError when it fails."""
    told = {**os.environ, **processes.shared_environment(stack.plan), **(environment or {})}
    output = subprocess.PIPE if quiet else None
    command = [sys.executable, "-P", "-m", module, *arguments]
    child = subprocess.Popen(command, env=told, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, start_new_session=True)
    try:
        said = _said(child, meanwhile)
    except BaseException:
        child.terminate()
        child.wait(30)
        raise
    if child.returncode not in (0, FOUND_SOMETHING):
        raise StackError(f"{module} failed with exit code {child.returncode}: {(said or 'see above').strip()}")


def _said(child: subprocess.Popen[str], meanwhile: Callable[[], None]) -> str | None:
    while True:
        try:
            return child.communicate(timeout=1.0)[0]
        except subprocess.TimeoutExpired:
            meanwhile()


def _announce(plan: Plan, progress: Progress) -> None:
    progress.say(f"ready in {progress.elapsed:.1f} s: console {plan.url(CONSOLE)}   home {plan.home}")


def _do(stack: Stack, errand: Errand) -> None:
    home_option = ("--home", str(stack.plan.home))
    patience = PATIENCE if errand.until_idle else math.inf
    call = partial(_call, meanwhile=lambda: look_after(stack, patience))
    if errand.demo:
        call(stack, "deploy.embedded.demo", *home_option)
    if errand.feeds:
        options = ("--derive-mappings",) if errand.derive_mappings else ()
        call(stack, "shared.ops", "feed", *map(str, errand.feeds), *options, *home_option)
    if errand.until_idle:
        _finish(stack, errand.report)
    else:
        stack.progress.say("Ctrl-C stops everything; the data is kept for the next start.")
        keep(stack)


def _finish(stack: Stack, report: Path | None) -> None:
    with stack.progress.step("everything is done that can be done now") as say:
        wait_until_idle([stack.plan.url(offset) for offset in SERVICES.values()], say, lambda: look_after(stack, PATIENCE))
    found = _report(stack.plan)
    if report is not None:
        home.write_json(report, found)
    for name, count in found["contracts"].items():
        stack.progress.say(f"  {name.replace('_', ' '):<16}{_count(count):>8}")


def _report(plan: Plan) -> Any:
    try:
        return fetch_json(f"{plan.url(CONSOLE)}/api/report", timeout=60)
    except OSError as error:
        raise StackError(f"The console gave no report ({error}): see {plan.home / 'logs' / 'visibility.log'}.") from error


def _count(entry: Any) -> str:
    return str(len(entry) if isinstance(entry, list) else entry)


def keep(stack: Stack) -> None:
    """Look after the stack until stopped."""
    while True:
        look_after(stack)
        time.sleep(1.0)


def look_after(stack: Stack, patience: float = math.inf) -> None:
    """supervisord restarts what crashes and gives up on what keeps crashing; give that another round, `patience` times.

    Raises StackError when patience ends, when supervisord itself has, or when the disk is full.
    """
    home.check_reserve(stack.plan.home, shutil.disk_usage(stack.plan.home).free)
    for name in [name for name, state in stack.supervisor.states().items() if state.name == "FATAL"]:
        stack.given_up[name] += 1
        trouble = f"{name} does not stay up: its log {stack.plan.home / 'logs' / name}.log says why"
        if stack.given_up[name] > patience:
            raise StackError(f"{trouble}.")
        stack.progress.fail(f"  !!  {trouble}; trying again")
        stack.supervisor.launch([row for row in stack.rows if row.name == name])


def _stop(stack: Stack) -> None:
    with deaf(), stack.progress.step("stopped") as say:
        try:
            _stop_in_order(stack, say)
        finally:
            _end(stack)


def _stop_in_order(stack: Stack, say: Callable[[str], None]) -> None:
    _endpoints(stack.plan.home).unlink(missing_ok=True)
    try:
        for stage in sorted(Stage, reverse=True):
            if stack.supervisor.answers() and stack.of(stage):
                say(stage.name.lower())
                stack.supervisor.stop(stack.of(stage))
    except StackError as error:
        stack.progress.fail(str(error))


def _end(stack: Stack) -> None:
    """End supervisord and what is left, whatever went wrong before."""
    try:
        stack.supervisor.shutdown()
    finally:
        end_leftovers(stack.plan.home)


def down(folder: Path, progress: Progress) -> None:
    """Stop the stack of a home, whatever is left of it. Raises StackError when it does not end in time."""
    if (pid := home.holder(folder)) is not None:
        os.kill(pid, signal.SIGTERM)
        _wait_for_release(folder, pid)
    elif not end_leftovers(folder):
        progress.say(f"nothing runs from {folder}")
        return
    _endpoints(folder).unlink(missing_ok=True)
    progress.say(f"stopped what ran from {folder}; the data is kept")


def _wait_for_release(folder: Path, pid: int, patience: float = 90.0) -> None:
    end = time.monotonic() + patience
    while home.holder(folder) is not None:
        if time.monotonic() > end:
            raise StackError(f"Process {pid}, which runs {folder}, did not stop within {patience:.0f} s: look at it, or end it with `kill -9 {pid}`.")
        time.sleep(0.1)
