"""The console's pages."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from services.visibility.ports.reading import Neighbours, Reader


def add_to(site: FastAPI, reader: Reader, neighbours: Neighbours) -> None: ...


def wanted_by(request: Request) -> bool:
    return not request.url.path.startswith(("/api/", "/live"))


def problem(request: Request, status: int, sentence: str) -> Response:
    return HTMLResponse(sentence, status)
