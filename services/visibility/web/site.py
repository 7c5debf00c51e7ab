"""The web application: JSON API, console pages and streams, with the headers that keep a page to itself."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.visibility.ports.reading import Neighbours, NotFound, Reader, Tail
from services.visibility.web import api, live, pages

SAFE = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def build_site(reader: Reader, neighbours: Neighbours, tail: Tail, stopping: Callable[[], bool], look_s: float = 1.0) -> FastAPI:
    """Everything under one address; nothing is fetched from anywhere else."""
    site = FastAPI(
        title="Throughline",
        summary="Where every contract is, and what it waits for",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    site.add_middleware(_Guarded)
    site.add_exception_handler(NotFound, _not_found)
    site.add_exception_handler(ValueError, _refused)
    site.include_router(live.routes(reader, tail, stopping, look_s))
    site.include_router(api.routes(reader, neighbours))
    pages.add_to(site, reader, neighbours)
    return site


class _Guarded:
    """Adds the headers as they go out, so that streams are never held back."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/static/") and message["status"] == 200:
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"  # their addresses change with their content
            await send(message)

        await self.app(scope, receive, guarded)


async def _not_found(request: Request, problem: Exception) -> Response:
    return pages.problem(request, 404, str(problem)) if pages.wanted_by(request) else JSONResponse({"detail": str(problem)}, 404)


async def _refused(request: Request, problem: Exception) -> Response:
    return pages.problem(request, 400, str(problem)) if pages.wanted_by(request) else JSONResponse({"detail": str(problem)}, 400)
