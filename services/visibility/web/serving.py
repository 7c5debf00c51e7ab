"""Serves a web application beside a service's loop, and ends with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


class _Beside(uvicorn.Server):
    """Leaves signals to the service that it runs beside."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(site: FastAPI, host: str, port: int, stopping: asyncio.Event) -> None:
    """Until `stopping`; open streams get two seconds to end."""
    server = _Beside(uvicorn.Config(site, host, port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server.serve())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stop.cancel()
    await serving
