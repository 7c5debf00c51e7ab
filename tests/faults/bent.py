"""A service whose clock, pace and names this harness can bend while it runs. Everything else is the service of any stack.

`python -m tests.faults.bent FILE NAME` runs `services.NAME` and obeys FILE, which holds JSON and is not there in between.
"""

import json
import runpy
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp.resolver import ThreadedResolver

from shared.runtime import consumer, reader
from shared.runtime.deciding import Deciding
from shared.runtime.outside import SystemClock

POLL_LIMIT_MS = 8_000  # instead of two minutes, so that a decision can outlast it
NAMES: dict[str, str | None] = {"netsuite.test": "127.0.0.1", "psa.test": "127.0.0.1"}
"""Names that only this resolver knows; `.test` is nobody's."""


class Bent:
    """An order is a JSON object: `skew_s`: seconds that the clock is ahead; `sleep_s`: how long the next decision takes; `names`: addresses of
    names, null for none. Whoever gave it learns from MET beside it that it was felt."""

    def __init__(self, file: Path) -> None:
        self.file, self.met = file, met(file)

    def order(self) -> dict[str, Any]:
        with suppress(FileNotFoundError, ValueError):
            return dict(json.loads(self.file.read_text()))
        return {}

    def skew(self) -> float:
        if seconds := float(self.order().get("skew_s", 0.0)):
            self.met.touch()
        return seconds

    def sleep(self) -> None:
        """Once for each order."""
        asked = self.order().get("sleep_s")
        if asked and not self.met.exists():
            self.met.touch()
            time.sleep(asked)

    def address(self, name: str) -> str | None:
        changed: dict[str, str | None] = self.order().get("names", {})
        if name in changed:
            self.met.touch()
        return (NAMES | changed).get(name, name)


def met(file: Path) -> Path:
    return file.with_suffix(".met")


def bend(bent: Bent) -> None:
    told_now, told_time, decide, configured = SystemClock.now, time.time, Deciding.run, consumer.configuration

    def now(self: SystemClock) -> datetime:
        return told_now(self) + timedelta(seconds=bent.skew())

    def run(self: Deciding, items: Any) -> Any:
        bent.sleep()
        return decide(self, items)

    _replace(SystemClock, "now", now)
    _replace(time, "time", lambda: told_time() + bent.skew())
    _replace(Deciding, "run", run)
    _replace(reader, "configuration", lambda *told: {**configured(*told), "max.poll.interval.ms": POLL_LIMIT_MS})
    _replace(ThreadedResolver, "resolve", _resolver(bent))


def _resolver(bent: Bent) -> Callable[..., Any]:
    async def resolve(self: ThreadedResolver, host: str, port: int = 0, family: int = socket.AF_INET) -> list[dict[str, Any]]:
        address = bent.address(host)
        if address is None:
            raise OSError(socket.EAI_NONAME, f"{host}: name or service not known")
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [{"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": flags}]

    return resolve


def _replace(where: object, name: str, by: object) -> None:
    patch.object(where, name, by).start()


if __name__ == "__main__":
    bend(Bent(Path(sys.argv[1])))
    service = f"services.{sys.argv[2]}"
    sys.argv = [service, *sys.argv[3:]]
    runpy.run_module(service, run_name="__main__", alter_sys=True)
