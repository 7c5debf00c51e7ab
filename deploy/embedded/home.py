"""The home folder of a stack: one `up` at a time, room on the disk, free ports, and what is where."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from deploy.embedded.errors import StackError
from deploy.embedded.processes import Process

LEAST_FREE = 1 << 30
"""Bytes. Below this Kafka's and PostgreSQL's logs may fill the disk while contracts are under way."""

LAST_RESERVE = 200 << 20
"""Bytes. Below this a running stack is stopped, while there is still room to stop in order."""


def make(home: Path) -> None:
    """The folders every part expects. Raises StackError where they cannot be made or too little room is left."""
    try:
        for name in ("run", "logs"):
            (home / name).mkdir(parents=True, exist_ok=True)
        (home / "run").chmod(0o700)
    except OSError as error:
        raise StackError(f"Cannot use {home} as home folder: {error.strerror}. Name another with --home DIR.") from error
    check_room(home, shutil.disk_usage(home).free)


def check_room(home: Path, free: int) -> None:
    """Whether a stack may start. Raises StackError when fewer than LEAST_FREE bytes are free."""
    if free < LEAST_FREE:
        cure = "free some, or name a folder on another disk with --home DIR"
        raise StackError(f"Only {free / 2**20:.0f} MB are free where {home} lies, and a stack needs 1 GB: {cure}.")


def check_reserve(home: Path, free: int) -> None:
    """Whether a stack may go on. Raises StackError when fewer than LAST_RESERVE bytes are free."""
    if free < LAST_RESERVE:
        raise StackError(f"The disk of {home} is full: everything was stopped in order. Free 1 GB and start again, the kept data is used.")


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home for this process. The system frees it when the process ends, however that happens, so no lock can be stale."""
    with (home / "run" / "lock").open("a+") as lock:
        if not _locked(lock):
            cure = f"stop that one with `throughline down --home {home}`, or name another --home"
            raise StackError(f"{home} is in use by process {_holder(lock)}: {cure}.")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(home: Path) -> int | None:
    """The process that holds the home now, or None."""
    try:
        with (home / "run" / "lock").open("r+") as lock:
            return None if _locked(lock) else int(_holder(lock))
    except (FileNotFoundError, ValueError):
        return None


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: IO[str]) -> str:
    lock.seek(0)
    return lock.read().strip()


def check_ports(processes: Iterable[Process]) -> None:
    """Raises StackError for the first port that something else listens on."""
    for process in processes:
        for port in process.ports:
            if not is_free(port):
                raise StackError(
                    f"Port {port}, wanted by {process.name}, is in use: stop what listens there, or move the whole stack with --port-base N."
                )


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was closed a moment ago is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """In one step: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
