"""Processes of a run: started, kept alive as their supervisor would, killed and frozen on order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESTART_S = 0.7


@dataclass(eq=False)
class Part:
    """One process. `wanted` False: it stays down until it is wanted again."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    wanted: bool = True
    starts: int = 0
    frozen: bool = False

    def start(self) -> None:
        with self.log.open("ab") as log:
            told = {**os.environ, **self.environment}
            command = [sys.executable, *self.arguments]
            self.process = subprocess.Popen(command, cwd=ROOT, env=told, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.starts += 1

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def send(self, sign: signal.Signals) -> bool:
        """Whether it was there to hear it."""
        if not self.alive:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.pid, sign)
            return True
        return False

    def end(self, sign: signal.Signals, patience: float = 30.0) -> None:
        self.wanted = False
        if self.process is None:
            return
        self.send(signal.SIGCONT)
        self.send(sign)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait(10)


@dataclass(eq=False)
class Keeper:
    """Starts again whatever has ended and is wanted."""

    parts: dict[str, Part] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self.thread.start()

    def add(self, part: Part) -> Part:
        part.start()
        self.parts[part.name] = part
        return part

    def name_of(self, pid: int) -> str | None:
        return next((part.name for part in list(self.parts.values()) if part.pid == pid), None)

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(10)

    def _keep(self) -> None:
        ended: dict[str, float] = {}
        while not self.stopping.wait(0.1):
            for part in list(self.parts.values()):
                if not part.wanted or part.alive:
                    ended.pop(part.name, None)
                elif time.monotonic() - ended.setdefault(part.name, time.monotonic()) > RESTART_S:
                    part.start()
                    ended.pop(part.name)
