"""Serves the door beside the service's loop, and ends with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from services.contract_events.web.heads import prompt


class _Beside(uvicorn.Server):
    """Leaves signals to the service that it runs beside."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(door: Starlette, host: str, port: int, stopping: asyncio.Event, head_s: float) -> None:
    """Until `stopping`; requests under way get five seconds to end. A connection has `head_s` seconds to bring a request's line and headers."""
    options = {"log_config": None, "access_log": False, "server_header": False, "timeout_graceful_shutdown": 5, "limit_concurrency": 200}
    server = _Beside(uvicorn.Config(door, host, port, http=prompt(head_s), **options))  # type: ignore[arg-type]
    serving, stop = asyncio.create_task(server.serve()), asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stop.cancel()
    await serving
