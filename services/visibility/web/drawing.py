"""Draws pages from templates. Everything put into a page is escaped; there is no script or style inside it."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.visibility.web import words

HERE = Path(__file__).parent
STATIC = HERE / "static"
FILTERS = ("amount", "compact", "signed", "duration", "exact", "clock", "day", "words", "without_host")
FUNCTIONS = ("age", "plural", "under", "query", "bars")
NAVIGATION = (("/", "Now"), ("/contracts", "Contracts"), ("/waits", "Waiting"), ("/dead-letters", "Dead letters"), ("/kpis", "KPIs"))


@cache
def _templates() -> Environment:
    found = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.filters |= {name: getattr(words, name) for name in FILTERS}
    found.globals |= {name: getattr(words, name) for name in FUNCTIONS}
    found.globals |= {"stages": words.STAGES, "services": words.SERVICES, "navigation": NAVIGATION, "versions": _versions()}
    return found


def _versions() -> dict[str, str]:
    """A file's address changes with its content, so that browsers may keep it for ever."""
    return {path.name: f"/static/{path.name}?v={sha256(path.read_bytes()).hexdigest()[:10]}" for path in sorted(STATIC.iterdir())}


def page(request: Request, template: str, status: int = 200, **content: Any) -> HTMLResponse:
    """The page as of now."""
    text = _templates().get_template(template).render(now=datetime.now(UTC), here=request.url.path, **content)
    return HTMLResponse(text, status, headers={"Cache-Control": "no-cache"})
