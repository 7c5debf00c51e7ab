"""What an earlier run left behind, found by the mark in its environment and ended. Never judged by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

MARK = "THROUGHLINE_SUPERVISED"
"""In the environment of supervisord and all it starts, with the home as value: how leftovers are told from strangers."""


def leftovers(home: Path) -> list[psutil.Process]:
    """What an earlier run of this home left behind: processes that carry its mark. Never judged by name."""
    return [process for process in psutil.process_iter() if _mark(process) == str(home)]


def _mark(process: psutil.Process) -> str | None:
    try:
        return None if process.pid == os.getpid() else process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


def end_leftovers(home: Path, patience: float = 30.0) -> int:
    """End what an earlier run left, in order when its supervisord still lives, and return how many processes that were."""
    found = leftovers(home)
    for process in _supervisor_first(home, found):
        _signal(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(found, timeout=patience)
    for process in [*stubborn, *leftovers(home)]:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=10)
    return len(found)


def _supervisor_first(home: Path, found: list[psutil.Process]) -> list[psutil.Process]:
    """Only supervisord where it lives, since it stops the others in order; else all of them."""
    try:
        pid = int((home / "run" / "supervisord.pid").read_text())
    except (OSError, ValueError):
        return found
    return [process for process in found if process.pid == pid] or found


def _signal(process: psutil.Process, sign: signal.Signals) -> None:
    try:
        process.send_signal(sign)
    except psutil.NoSuchProcess:
        return
