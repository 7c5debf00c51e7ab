"""Server-sent events: `/live` says that something changed, `/api/tail` hands on statuses as they are published."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from services.visibility.ports.reading import Reader, Tail

HEARTBEAT_S = 15.0
AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)  # the database does not answer; it may well do so soon
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def routes(reader: Reader, tail: Tail, stopping: Callable[[], bool], look_s: float) -> APIRouter:
    router = APIRouter()

    @router.get("/live", include_in_schema=False)
    async def live() -> StreamingResponse:
        return StreamingResponse(_changes(reader, stopping, look_s), media_type="text/event-stream", headers=HEADERS)

    @router.get("/api/tail", tags=["live"], response_class=StreamingResponse)
    async def follow() -> StreamingResponse:
        """Statuses from now on, one `status` event each; a comment every few seconds when there is nothing to say."""
        return StreamingResponse(_statuses(tail, stopping), media_type="text/event-stream", headers=HEADERS)

    return router


async def _changes(reader: Reader, stopping: Callable[[], bool], look_s: float) -> AsyncIterator[str]:
    """An event `change` with the projection's beat whenever it moved; the first at once, so that a page learns what it may have missed.

    Ends when the database is away: the browser comes again by itself, and shows meanwhile that it is not live.
    """
    known, silent = -1, 0.0
    yield "retry: 3000\n\n"
    while not stopping():
        try:
            beats = await reader.beats()
        except AWAY:
            return
        if beats != known:
            known, silent = beats, 0.0
            yield f"event: change\nid: {beats}\ndata: {beats}\n\n"
        elif silent >= HEARTBEAT_S:
            silent = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(look_s)
        silent += look_s


async def _statuses(tail: Tail, stopping: Callable[[], bool]) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    async for status in tail.follow():
        if stopping():
            return
        yield ": still here\n\n" if status is None else f"event: status\ndata: {status}\n\n"
