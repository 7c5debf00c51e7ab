"""The real parts under the tests: one Kafka, one PostgreSQL and one schema registry for the whole session, on free loopback ports."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from deploy.embedded import kafka, postgres

PORTS_OF_A_STACK = 40
START_SECONDS = 120.0


def free_port_base() -> int:
    """A port base whose whole range is free, below the range from which the system hands out ports."""
    while True:
        base = random.randrange(12000, 31000, 50)
        if all(_is_free(base + offset) for offset in range(PORTS_OF_A_STACK)):
            return base


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Part:
    """One process of the stack, with its log in the home's `logs`."""

    name: str
    arguments: list[str]
    home: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, *self.arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait(30)

    def still_wanted(self) -> None:
        """Raises AssertionError with the end of the log when the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text(errors='replace')[-3000:]}")

    @property
    def log(self) -> Path:
        return self.home / "logs" / f"{self.name}.log"


@dataclass
class Stack:
    """Addresses of the running parts. `bootstrap` for Kafka clients, `dsn` of the superuser, `registry` as a URL."""

    home: Path
    port_base: int
    nodes: int = 1
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def cluster(self) -> kafka.Cluster:
        return kafka.Cluster(self.home, self.port_base, self.nodes)

    @property
    def bootstrap(self) -> str:
        return self.cluster.bootstrap

    @property
    def postgres_port(self) -> int:
        return self.port_base + postgres.PORT_OFFSET

    @property
    def dsn(self) -> str:
        return self.dsn_of(postgres.DATABASE)

    def dsn_of(self, database: str) -> str:
        return postgres.dsn(self.home, self.postgres_port, database)

    @property
    def registry(self) -> str:
        """The registry's URL; it is started at the first use."""
        url = f"http://127.0.0.1:{self.port_base + 2}"
        if "registry" not in self.parts:
            arguments = ["-m", "deploy.embedded.registry", "--port", str(self.port_base + 2), "--home", str(self.home)]
            self._wait_for_url(self._start("registry", arguments), f"{url}/subjects")
        return url

    def start(self) -> None:
        """Kafka and PostgreSQL at the same time; returns when both answer."""
        self.cluster.prepare()
        with ThreadPoolExecutor(2) as pool:
            for waiting in [pool.submit(self.start_kafka), pool.submit(self.start_postgres)]:
                waiting.result()

    def start_kafka(self) -> None:
        parts = [self._start(f"kafka-{node}", self.cluster.command(node)) for node in range(self.nodes)]
        kafka.wait_until_ready(self.cluster, lambda: _all_wanted(parts), START_SECONDS)

    def start_postgres(self) -> None:
        arguments = ["-m", "deploy.embedded.postgres", "--home", str(self.home), "--port", str(self.postgres_port)]
        part = self._start("postgres", arguments)
        postgres.wait_until_ready(self.home, self.postgres_port, part.still_wanted, START_SECONDS)

    def stop(self) -> None:
        for part in reversed(self.parts.values()):
            part.stop(signal.SIGINT if part.name == "postgres" else signal.SIGTERM)

    def _start(self, name: str, arguments: list[str]) -> Part:
        part = self.parts[name] = Part(name, arguments, self.home)
        part.start()
        return part

    @staticmethod
    def _wait_for_url(part: Part, url: str) -> None:
        wait_until(lambda: _answers(url), part.still_wanted)


def _all_wanted(parts: list[Part]) -> None:
    for part in parts:
        part.still_wanted()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], still_wanted: Callable[[], None] = lambda: None, timeout: float = 60.0) -> None:
    """Look until the condition holds. Raises AssertionError after `timeout` seconds, or what `still_wanted` raises."""
    end = time.monotonic() + timeout
    while not condition():
        still_wanted()
        assert time.monotonic() < end, f"not so within {timeout:.0f} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The session's Kafka, PostgreSQL and registry, in a home only this user can enter."""
    home = Path(tempfile.mkdtemp(prefix="throughline-tests-"))
    running = Stack(home, free_port_base())
    try:
        running.start()
        yield running
    finally:
        running.stop()
        remove_home(home)


def remove_home(home: Path) -> None:
    """Remove a home and the place outside it where PostgreSQL may have had to live."""
    note = home / "postgres" / "kept-in"
    if note.exists():
        shutil.rmtree(note.read_text().strip(), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[str]:
    """The superuser's DSN of an empty database of its own, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(stack.dsn)
    try:
        await admin.execute(f"create database {name}")
        yield stack.dsn_of(name)
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()
