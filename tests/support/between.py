"""Somebody between us and a vendor: a server that gives the token a client wants, and then answers from a list, whatever is asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True)
class Says:
    """`body`: bytes as they are, anything else as JSON."""

    status: int
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        content = self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)
        return web.Response(status=self.status, body=content, headers=self.headers)


PAGE = b"<html><body>Down for maintenance</body></html>"


@asynccontextmanager
async def between(*says: Says) -> AsyncIterator[str]:
    """The base address of one that answers so, in this order, the last one again and again."""
    left = list(says)

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/token"):
            return web.json_response({"access_token": "t", "expires_in": 3600})
        return (left.pop(0) if len(left) > 1 else left[0]).response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app)
    async with server:
        yield str(server.make_url("")).rstrip("/")
