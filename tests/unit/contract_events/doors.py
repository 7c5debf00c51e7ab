"""A door on a real socket whose reports are kept in memory, for what does not concern Kafka."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.contract_events.policy import DEFAULT
from services.contract_events.ports import OutletAway, Parcel
from services.contract_events.web.door import build_door
from services.contract_events.web.hooks import HookSettings
from services.contract_events.web.limits import Limits
from services.contract_events.web.serving import serve

TOKEN = "door-token"


@dataclass
class Kept:
    """Reports that the door let in, in their order."""

    parcels: list[Parcel] = field(default_factory=list)
    away: bool = False
    takes_s: float = 0

    async def check(self, parcel: Parcel) -> None:
        return None

    async def send(self, parcels: Sequence[Parcel]) -> None:
        if self.away:
            raise OutletAway("Kafka does not answer.")
        await asyncio.sleep(self.takes_s)
        self.parcels += parcels


@dataclass
class OpenDoor:
    port: int
    kept: Kept

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """Status and answer of one request on a connection of its own."""
        return await asyncio.to_thread(self._post, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    async def intake(self, kind: str, *lines: object) -> tuple[int, Any]:
        body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        return await self.post(f"/intake/{kind}", body, Authorization=f"Bearer {TOKEN}")

    def _post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@asynccontextmanager
async def open_door(hooks: HookSettings | None = None, limits: Limits | None = None) -> AsyncIterator[OpenDoor]:
    kept, port, stopping = Kept(), free_port(), asyncio.Event()
    limits = limits or Limits()
    door = build_door(kept, DEFAULT, TOKEN, hooks or HookSettings(), limits)
    serving = asyncio.create_task(serve(door, "127.0.0.1", port, stopping, limits.read_s))
    try:
        await _listening(port)
        yield OpenDoor(port, kept)
    finally:
        stopping.set()
        await serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
