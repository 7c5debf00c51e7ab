"""Everything is stopped in order, whether or not anybody still reads what is said of it."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar, TextIO

import pytest

from deploy.embedded import home, up
from deploy.embedded.__main__ import main
from deploy.embedded.plan import Plan
from deploy.embedded.processes import Stage
from deploy.embedded.progress import Progress, Tolerant
from deploy.embedded.signals import Stopped, stopping_on_signals
from tests.support.stack import free_port_base


class Recording:
    """A supervisor that does nothing and remembers what it was asked for."""

    asked: ClassVar[list[str]] = []

    def __init__(self, folder: Path) -> None:
        self.asked.clear()

    def answers(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given: self.asked.append(name)


class NoWait:
    def __init__(self, *given: object) -> None: ...

    def wait_for(self, *given: object) -> None: ...


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Of sandboxes alone, with nothing behind them."""
    monkeypatch.setattr(up, "Supervisor", Recording)
    monkeypatch.setattr(up, "Watch", NoWait)
    monkeypatch.setattr(up, "end_leftovers", lambda folder: Recording.asked.append("end_leftovers"))
    home.make(tmp_path)
    return Plan(tmp_path, free_port_base(), broker="k:9092", database="postgresql://a:b@c/d", schemas="http://r")


@pytest.fixture(params=[os.pipe, pty.openpty], ids=["a pipe", "a terminal"])
def output(request: pytest.FixtureRequest) -> Iterator[tuple[int, TextIO]]:
    """The reader's end, which the test closes, and the file that is written to."""
    reader, writer = request.param()
    file = os.fdopen(writer, "w")
    yield reader, file
    with suppress(OSError):  # what nobody could be told is still in it
        file.close()


def test_a_stack_is_stopped_in_full_when_nobody_reads_its_output_any_more(plan: Plan, output: tuple[int, TextIO]) -> None:
    reader, file = output
    progress = Progress(Tolerant(file=file))
    with suppress(Stopped), up.running(plan, progress, Stage.SANDBOXES), progress.step("a step that takes long"):
        os.close(reader)
        raise Stopped
    progress.fail("what is said afterwards is no trouble either")
    assert Recording.asked[-3:] == ["stop", "shutdown", "end_leftovers"]


def test_a_second_signal_does_not_break_into_the_stopping(plan: Plan) -> None:
    both = (signal.SIGINT, signal.SIGTERM)
    with suppress(Stopped), stopping_on_signals(), up.running(plan, Progress(), Stage.SANDBOXES):
        signal.pthread_sigmask(signal.SIG_BLOCK, both)
        for each in both:
            signal.raise_signal(each)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, both)
    assert Recording.asked[-3:] == ["stop", "shutdown", "end_leftovers"]


@pytest.mark.parametrize(("options", "code"), [(["--until-idle", "--report", "r.json"], 1), ([], 0)])
def test_only_a_run_that_was_to_end_by_itself_fails_when_it_is_stopped(
    options: list[str], code: int, plan: Plan, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(plan.home)
    monkeypatch.setattr(up, "running", stopped_while_running)
    assert main(["up", "--home", str(plan.home), *options]) == code
    assert ("stopped before everything was done; no report was written" in capsys.readouterr().err) is (code == 1)


@contextmanager
def stopped_while_running(*given: object) -> Iterator[None]:
    os.kill(os.getpid(), signal.SIGTERM)
    yield


@pytest.mark.parametrize("broken", ["stop", "shutdown"])
def test_a_step_of_stopping_that_breaks_keeps_no_later_one_from_being_taken(broken: str, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(supervisor: Recording, *given: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Recording, broken, breaking, raising=False)
    with pytest.raises(RuntimeError), up.running(plan, Progress(), Stage.SANDBOXES):
        pass
    assert Recording.asked[-1] == "end_leftovers"
    assert broken == "shutdown" or "shutdown" in Recording.asked
