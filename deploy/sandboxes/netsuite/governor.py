"""Concurrency governance: an account answers so many requests at once, all integrations together, and refuses the next one."""

from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from deploy.sandboxes.common.front import Vendor
from deploy.sandboxes.netsuite import errors


def governing(limit: int, vendor: Vendor) -> Middleware:
    """429 CONCURRENCY_LIMIT_EXCEEDED for the request after `limit`; the vendor sends no Retry-After."""
    at_work: Counter[str] = Counter()

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        target = vendor.target(request)
        if not target.record:
            return await handler(request)
        if at_work[target.account] >= limit:
            return errors.answer(errors.concurrency_exceeded())
        at_work[target.account] += 1
        try:
            return await handler(request)
        finally:
            at_work[target.account] -= 1

    return middleware
