"""What happens around every vendor call: it is timed and logged, faults are applied, and nothing is answered before the journal."""

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from deploy.sandboxes.common.faults import Failure, Faults, HeavyTail, SlowBody, StaleReads, Throttle
from deploy.sandboxes.common.journal import Journals
from deploy.sandboxes.common.requests import RequestLog, content_digest, told_headers
from deploy.sandboxes.common.store import Store, reading_behind, told_by

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_BODY_PIECES = 10


@dataclass(frozen=True, slots=True)
class Target:
    """What a call is about. `record` is empty for calls that touch no record (tokens, unknown paths)."""

    account: str
    record: str


class Vendor(Protocol):
    """How one vendor says things."""

    def target(self, request: web.Request) -> Target: ...

    def throttled(self, retry_after: int | None) -> web.Response: ...

    def failed(self, status: int) -> web.Response: ...

    def refusal(self, error: Exception) -> web.Response | None:
        """The answer to an error raised by a handler, None for one that is not the vendor's."""
        ...


@dataclass(frozen=True, slots=True)
class Room:
    """Everything a sandbox keeps."""

    name: str
    journals: Journals
    store: Store
    log: RequestLog
    faults: Faults
    latency_ms: float


def is_control(request: web.Request) -> bool:
    return request.path.startswith("/_sandbox/")


def hang_up(request: web.Request) -> web.Response:
    """Close the connection without an answer: the caller cannot know whether the call was carried out."""
    request["hung_up"] = True
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def logging(room: Room, vendor: Vendor) -> Middleware:
    """Outermost: every call is in the request journal, and on disk, before its caller hears anything."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_control(request):
            return await handler(request)
        started = time.perf_counter()
        response = await _answered(request, handler, vendor)
        room.log.add({
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "account": vendor.target(request).account,
            "method": request.method,
            "path": request.path_qs,
            "status": 0 if "hung_up" in request else response.status,
            "ms": round((time.perf_counter() - started) * 1000, 3),
            "headers": told_headers(request.headers),
            "digest": request.get("digest"),
        })  # fmt: skip
        await room.journals.committed()
        return response

    return middleware


async def _answered(request: web.Request, handler: Handler, vendor: Vendor) -> web.StreamResponse:
    try:
        return await handler(request)
    except Exception as error:
        refusal = vendor.refusal(error)
        if refusal is None:
            raise
        return refusal


def applying_faults(room: Room, vendor: Vendor) -> Middleware:
    """Innermost: outage, latency and heavy tail befall every call, the other faults only calls about records."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_control(request):
            return await handler(request)
        target = vendor.target(request)
        if room.faults.take("outage", target.account, target.record) is not None:
            return hang_up(request)
        if latency := room.latency_ms + _slowed_ms(room.faults, target):
            await asyncio.sleep(latency / 1000)
        if not target.record:
            return await handler(request)
        return _refused(room.faults, vendor, target) or await _carried_out(request, handler, room, vendor, target)

    return middleware


def _slowed_ms(faults: Faults, target: Target) -> float:
    fixed: float = faults.take("latency_ms", target.account, target.record) or 0.0
    tail: HeavyTail | None = faults.take("heavy_tail", target.account, target.record)
    return fixed + (tail.longer_ms(random.random()) if tail else 0.0)  # noqa: S311  of a vendor in play


def _refused(faults: Faults, vendor: Vendor, target: Target) -> web.Response | None:
    throttle: Throttle | None = faults.take("throttle", target.account, target.record)
    if throttle is not None:
        return vendor.throttled(throttle.retry_after)
    failure: Failure | None = faults.take("error", target.account, target.record)
    return None if failure is None else vendor.failed(failure.status)


async def _carried_out(request: web.Request, handler: Handler, room: Room, vendor: Vendor, target: Target) -> web.StreamResponse:
    wrote = request.method in _WRITES
    stale: StaleReads | None = None if wrote else room.faults.take("stale_reads", target.account, target.record)
    with reading_behind(stale.behind_s if stale else 0.0), told_by(await request.read() if wrote else b""):
        response = await _answered(request, handler, vendor)
    wrote = wrote and response.status < 300
    if wrote:
        request["digest"] = content_digest(await request.read())
    if wrote and room.faults.take("drop_after_commit", target.account, target.record) is not None:
        await room.journals.committed()
        return hang_up(request)
    slow: SlowBody | None = room.faults.take("slow_body", target.account, target.record)
    if slow is not None and isinstance(response, web.Response):
        await room.journals.committed()
        return await _dribbled(request, response, slow.over_seconds)
    return response


async def _dribbled(request: web.Request, whole: web.Response, over_seconds: float) -> web.StreamResponse:
    slow = web.StreamResponse(status=whole.status, headers={k: v for k, v in whole.headers.items() if k != "Content-Length"})
    await slow.prepare(request)
    body = whole.body if isinstance(whole.body, bytes) else b""
    size = max(1, -(-len(body) // _BODY_PIECES))
    for start in range(0, len(body), size):
        await asyncio.sleep(over_seconds / _BODY_PIECES)
        await slow.write(body[start : start + size])
    await slow.write_eof()
    return slow
