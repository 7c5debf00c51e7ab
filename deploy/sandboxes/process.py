"""A sandbox run as a process of its own: started on a free port, waited for, stopped or killed by its own pid."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class DidNotStart(Exception):
    """The process ended, or did not answer in time; the message carries what it printed."""


@dataclass(slots=True)
class Sandbox:
    """A running sandbox. `url` has no trailing slash; what it prints goes to HOME/logs/sandbox-<name>.log."""

    name: str
    home: Path
    port: int
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def kill(self) -> None:
        """SIGKILL: no goodbye, as when a machine dies."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> None:
        if self.process.returncode is None:
            os.kill(self.process.pid, how)
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)


@asynccontextmanager
async def running(name: str, home: Path, *options: str, port: int | None = None) -> AsyncIterator[Sandbox]:
    """Sandbox `name` (netsuite, psa, crm) over HOME, answering. Raises DidNotStart."""
    sandbox = await start(name, home, *options, port=port)
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def start(name: str, home: Path, *options: str, port: int | None = None) -> Sandbox:
    """As `running`, for a caller that ends it itself."""
    chosen = port or free_port()
    command = ("-m", f"deploy.sandboxes.{name}", "--port", str(chosen), "--home", str(home), *options)
    log = home / "logs" / f"sandbox-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as printed:
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=printed, stderr=printed)
    sandbox = Sandbox(name, home, chosen, process)
    try:
        await asyncio.wait_for(_answering(sandbox, log), _START_SECONDS)
    except TimeoutError:
        await sandbox.kill()
        raise DidNotStart(f"{name} did not answer on port {chosen} within {_START_SECONDS:.0f} s") from None
    return sandbox


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answering(sandbox: Sandbox, log: Path) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            if sandbox.process.returncode is not None:
                raise DidNotStart((await asyncio.to_thread(log.read_text)).strip())
            try:
                async with session.get(sandbox.url + "/_sandbox/healthz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
