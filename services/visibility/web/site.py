"""The web application: JSON API, console pages and streams, with the headers that keep a page to itself."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

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
    site.middleware("http")(_guarded)
    site.add_exception_handler(NotFound, _not_found)
    site.add_exception_handler(ValueError, _refused)
    site.include_router(live.routes(reader, tail, stopping, look_s))
    site.include_router(api.routes(reader, neighbours))
    pages.add_to(site, reader, neighbours)
    return site


async def _guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in SAFE.items():
        response.headers.setdefault(name, value)
    return response


async def _not_found(request: Request, problem: Exception) -> Response:
    return pages.problem(request, 404, str(problem)) if pages.wanted_by(request) else JSONResponse({"detail": str(problem)}, 404)


async def _refused(request: Request, problem: Exception) -> Response:
    return pages.problem(request, 400, str(problem)) if pages.wanted_by(request) else JSONResponse({"detail": str(problem)}, 400)
