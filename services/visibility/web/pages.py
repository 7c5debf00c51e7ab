"""The console's pages, drawn on the server and complete without scripts."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from services.visibility.ports.reading import Neighbours, NotFound, Reader, Wanted
from services.visibility.web.drawing import STATIC, page
from services.visibility.web.live import AWAY
from services.visibility.web.story import balance, steps, work_and_waiting

Text = Annotated[str | None, Query(max_length=200)]
STATES = (
    ("waiting", "waiting"),
    ("dead-lettered", "dead-lettered"),
    ("flowing", "flowing"),
    ("not-in-erp", "approved, not in ERP"),
    ("late", "late"),
    ("in-approval", "in approval"),
    ("approved", "approved"),
    ("validated", "validated"),
    ("in-erp", "in ERP"),
    ("active", "active"),
    ("closed", "closed"),
)
ROWS = 50  # a page stays below 50 kB


def add_to(site: FastAPI, reader: Reader, neighbours: Neighbours) -> None:
    router = APIRouter(include_in_schema=False)
    _add_now(router, reader, neighbours)
    _add_contracts(router, reader)
    _add_stopped(router, reader)
    site.include_router(router)
    site.mount("/static", StaticFiles(directory=STATIC))
    site.add_exception_handler(HTTPException, _no_such_page)
    for away in AWAY:
        site.add_exception_handler(away, _unreadable)


def wanted_by(request: Request) -> bool:
    """Whether a page was asked for, and not JSON or a stream."""
    return not request.url.path.startswith(("/api/", "/live", "/static/"))


def problem(request: Request, status: int, sentence: str) -> Response:
    return page(request, "problem.html", status, title="Not found" if status == 404 else "Not possible", sentence=sentence)


def _add_now(router: APIRouter, reader: Reader, neighbours: Neighbours) -> None:
    @router.get("/")
    async def now(request: Request) -> Response:
        return page(request, "now.html", summary=await reader.summary(), platform=await neighbours.platform())

    @router.get("/kpis")
    async def kpis(request: Request, unit: Text = None) -> Response:
        units, _ = await reader.units_and_queues()
        return page(request, "kpis.html", kpis=await reader.kpis(unit or "*", 120), unit=unit, units=units)


def _add_contracts(router: APIRouter, reader: Reader) -> None:
    @router.get("/contracts")
    async def contracts(request: Request, state: Text = None, unit: Text = None, queue: Text = None, q: Text = None, after: Text = None) -> Response:
        wanted = Wanted(state=state or None, unit=unit or None, queue=queue or None, q=q or None, after=after or None, limit=ROWS)
        units, queues = await reader.units_and_queues()
        found = await reader.contracts(wanted)
        return page(request, "contracts.html", found=found, wanted=wanted, states=STATES, units=units, queues=queues)

    @router.get("/contracts/{contract_id:path}")
    async def contract(request: Request, contract_id: str) -> Response:
        detail = await reader.contract(contract_id)
        told = steps(detail.transitions)
        work, waiting = work_and_waiting(told)
        return page(request, "contract.html", detail=detail, told=told, work=work, waiting=waiting, balance=balance(detail))


def _add_stopped(router: APIRouter, reader: Reader) -> None:
    @router.get("/waits")
    async def waits(request: Request) -> Response:
        found = await reader.waits()
        return page(request, "waits.html", waits=found[:ROWS], total=len(found))

    @router.get("/waits/{key:path}")
    async def wait(request: Request, key: str, after: Text = None) -> Response:
        return page(request, "wait.html", detail=await reader.wait(key, after, ROWS))

    @router.get("/dead-letters")
    async def dead_letters(request: Request) -> Response:
        return page(request, "dead_letters.html", causes=(await reader.causes())[:ROWS])

    @router.get("/dead-letters/{fingerprint}")
    async def cause(request: Request, fingerprint: str) -> Response:
        found = [each for each in await reader.causes() if each.fingerprint == fingerprint]
        if not found:
            raise NotFound(f"no dead letter has the cause {fingerprint!r}")
        return page(request, "cause.html", causes=found, letters=await reader.letters(fingerprint, ROWS))


async def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if wanted_by(request):
        return problem(request, error.status_code, "There is no page at this address. The console's pages are named above.")
    return Response(f'{{"detail": "{error.detail}"}}', error.status_code, media_type="application/json")


async def _unreadable(request: Request, error: Exception) -> Response:
    """The database is away: said as such, and worth asking again."""
    sentence = "The projection cannot be read just now: its database does not answer. Nothing is lost; this page tries again by itself."
    if wanted_by(request):
        return page(request, "problem.html", 503, title="Not readable", sentence=sentence)
    return Response(f'{{"detail": "{sentence}"}}', 503, media_type="application/json", headers={"Retry-After": "2"})
