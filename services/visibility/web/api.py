"""The JSON API under /api; tables also as CSV with `?format=csv`."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from services.visibility.ports import views
from services.visibility.ports.reading import Neighbours, Reader, Wanted
from services.visibility.web.tables import as_csv, csv_page, table_of

Format = Annotated[Literal["json", "csv"], Query(description="json, or csv for a table")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Table = Annotated[Literal["transitions", "lineage", "records", "dead_letters", "lines"], Query(description="which table, for csv")]
Text = Annotated[str | None, Query(max_length=200)]
MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "Nothing under that name"}}


def routes(reader: Reader, neighbours: Neighbours) -> APIRouter:
    api = APIRouter(prefix="/api")
    _add_overview(api, reader, neighbours)
    _add_contracts(api, reader)
    _add_waits(api, reader)
    _add_dead_letters(api, reader)
    return api


def _add_overview(api: APIRouter, reader: Reader, neighbours: Neighbours) -> None:
    @api.get("/healthz", tags=["overview"])
    async def health() -> views.Health:
        """Whether the projection can be read, and how old it is."""
        return await reader.health()

    @api.get("/summary", tags=["overview"])
    async def summary() -> views.Summary:
        """How many contracts are where, what is stopped and what it costs."""
        return await reader.summary()

    @api.get("/report", tags=["overview"])
    async def report() -> views.Report:
        """The outcome of a run."""
        return await reader.report()

    @api.get("/stopped", tags=["overview"], response_model=list[views.Stopped])
    async def stopped(format: Format = "json") -> Any:
        """What is stopped, the costliest first."""
        found = (await reader.summary()).stopped
        return as_csv("stopped", found, views.Stopped) if format == "csv" else found

    @api.get("/targets", tags=["overview"], response_model=views.Platform)
    async def targets(format: Format = "json") -> Any:
        """Services and the systems they call, as they say themselves; as CSV the systems."""
        found = await neighbours.platform()
        return as_csv("targets", found.targets, views.TargetLine) if format == "csv" else found

    @api.get("/services", tags=["overview"], response_model=list[views.ServiceLine])
    async def services(format: Format = "json") -> Any:
        """The services, as they say themselves."""
        found = (await neighbours.platform()).services
        return as_csv("services", found, views.ServiceLine) if format == "csv" else found

    @api.get("/kpis", tags=["overview"], response_model=views.Kpis)
    async def kpis(unit: Text = None, limit: Limit = 200, format: Format = "json") -> Any:
        """Contracts that reached each stage by window, and those over the agreed time."""
        found = await reader.kpis(unit, limit)
        return as_csv("kpis", found.windows, views.Window) if format == "csv" else found


def _add_contracts(api: APIRouter, reader: Reader) -> None:
    @api.get("/contracts", tags=["contracts"], response_model=views.ContractPage)
    async def contracts(
        state: Text = None, unit: Text = None, queue: Text = None, q: Text = None, after: Text = None, limit: Limit = 100, format: Format = "json"
    ) -> Any:
        """Newest first. As CSV everything that matches, without pages."""
        wanted = Wanted(state=state, unit=unit, queue=queue, q=q, after=after, limit=limit)
        return await _all_as_csv(reader, wanted) if format == "csv" else await reader.contracts(wanted)

    @api.get("/contracts/{contract_id:path}", tags=["contracts"], response_model=views.ContractDetail, responses=MISSING)
    async def contract(contract_id: str, table: Table = "transitions", format: Format = "json") -> Any:
        """One contract's whole story; as CSV one of its tables."""
        detail = await reader.contract(contract_id)
        return table_of(detail, table) if format == "csv" else detail


async def _all_as_csv(reader: Reader, wanted: Wanted) -> Response:
    """Page by page as it is read, so that a long table is never held whole."""
    first = await reader.contracts(replace(wanted, limit=1000))  # before the answer begins: a wrong filter is still a 400

    async def pages() -> AsyncIterator[str]:
        page = first
        yield csv_page(page.contracts, views.ContractLine, header=True)
        while page.after:
            page = await reader.contracts(replace(wanted, limit=1000, after=page.after))
            yield csv_page(page.contracts, views.ContractLine)

    return StreamingResponse(pages(), media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="contracts.csv"'})


def _add_waits(api: APIRouter, reader: Reader) -> None:
    @api.get("/waits", tags=["waits"], response_model=list[views.WaitLine])
    async def waits(format: Format = "json") -> Any:
        """Missing keys, the longest missing first."""
        lines = await reader.waits()
        return as_csv("waits", lines, views.WaitLine) if format == "csv" else lines

    @api.get("/waits/{key:path}", tags=["waits"], response_model=views.WaitDetail, responses=MISSING)
    async def wait(key: str, after: Text = None, limit: Limit = 100, format: Format = "json") -> Any:
        """Who waits for a key, and how it is supplied."""
        detail = await reader.wait(key, after, limit)
        return as_csv("waiters", detail.waiters, views.WaiterLine) if format == "csv" else detail


def _add_dead_letters(api: APIRouter, reader: Reader) -> None:
    @api.get("/dead-letters", tags=["dead letters"], response_model=list[views.CauseLine] | list[views.LetterLine])
    async def dead_letters(cause: Text = None, limit: Limit = 100, format: Format = "json") -> Any:
        """Causes, each with a line for every service that has such letters; or with `cause` (a fingerprint) its letters."""
        if cause is not None:
            letters = await reader.letters(cause, limit)
            return as_csv("dead-letters", letters, views.LetterLine) if format == "csv" else letters
        causes = await reader.causes()
        return as_csv("causes", causes, views.CauseLine) if format == "csv" else causes

    @api.get("/dead-letters/{topic}/{partition}/{offset}", tags=["dead letters"], responses=MISSING)
    async def dead_letter(topic: str, partition: int, offset: int) -> views.LetterLine:
        """One dead letter, without its payload."""
        return await reader.letter(topic, partition, offset)
