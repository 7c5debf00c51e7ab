"""Batches of reports as JSON lines: each line is answered for itself, and what was taken is in Kafka before the answer is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from services.contract_events.domain.approvals import ApprovalPolicy
from services.contract_events.domain.ocds.facts import Publication
from services.contract_events.domain.ocds.publications import read_publication
from services.contract_events.ports import Outlet, Parcel, Unsendable
from services.contract_events.web.items import Wrong, account_parcel, contract_parcel, document_of, mapping_parcel, parcel_of
from services.contract_events.web.limits import Limits, Turned, authorised, body_of

READERS: dict[str, Callable[[bytes], Parcel]] = {"clm": contract_parcel, "accounts": account_parcel, "mappings": mapping_parcel}
Answer = dict[str, Any]


@dataclass(slots=True)
class Batch:
    """What a request came to: parcels in the order to send them, and an answer for each thing found on each line."""

    first: list[Parcel] = field(default_factory=list)
    then: list[Parcel] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def take(self, line: int, parcels: list[Parcel], **named: str) -> None:
        self.then += parcels
        self.answers.append({"line": line, "outcome": "taken", **named, "events": [parcel.event_id for parcel in parcels]})

    def refuse(self, line: int, code: str, reason: str, contract_id: str | None = None) -> None:
        self.answers.append({"line": line, "outcome": "refused", "contract_id": contract_id, "code": code, "reason": reason})


@dataclass(frozen=True, slots=True)
class Intake:
    outlet: Outlet
    policy: ApprovalPolicy
    token: str
    limits: Limits

    async def __call__(self, request: Request) -> JSONResponse:
        """`POST /intake/{clm|accounts|mappings|ocds}`. Raises Turned, OutletAway."""
        authorised(request, self.token)
        kind = str(request.path_params["kind"])
        if kind not in (*READERS, "ocds"):
            raise Turned(404, f"there is no intake {kind!r}; there are {', '.join((*READERS, 'ocds'))}")
        body = await body_of(request, self.limits.batch_bytes, self.limits.read_s)
        batch = Batch()
        for number, line in self._lines(body):
            try:
                if kind == "ocds":
                    await self._publication(batch, number, line, request.query_params.get("derive_mappings") == "true")
                else:
                    await self._report(batch, number, READERS[kind](line))
            except (Wrong, Unsendable) as error:
                batch.refuse(number, getattr(error, "code", "unsendable"), str(error), getattr(error, "contract_id", None))
        await self.outlet.send(batch.first)
        await self.outlet.send(batch.then)
        return JSONResponse({"items": batch.answers})

    def _lines(self, body: bytes) -> Iterator[tuple[int, bytes]]:
        lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        if len(lines) > self.limits.batch_lines:
            raise Turned(413, f"{len(lines)} lines in one batch; send at most {self.limits.batch_lines}")
        return iter(lines)

    async def _report(self, batch: Batch, number: int, parcel: Parcel) -> None:
        await self.outlet.check(parcel)
        batch.take(number, [parcel], key=parcel.key)

    async def _publication(self, batch: Batch, number: int, line: bytes, derive_mappings: bool) -> None:
        publication = _read(line, self.policy, derive_mappings)
        if not publication.releases:
            raise Wrong("not-ocds", "no release is in it; a release has an ocid, a package has releases or records")
        batch.first += [*map(parcel_of, publication.accounts), *map(parcel_of, publication.mappings)]
        for taken in publication.taken:
            parcels = [parcel_of(event) for event in taken.events]
            for parcel in parcels:
                await self.outlet.check(parcel)
            batch.take(number, parcels, contract_id=taken.contract_id)
        for refused in publication.refused:
            batch.refuse(number, refused.code, refused.reason, refused.contract_id)
        if not publication.taken and not publication.refused:
            batch.answers.append({"line": number, "outcome": "empty", "reason": "its releases hold no contract"})


def _read(line: bytes, policy: ApprovalPolicy, derive_mappings: bool) -> Publication:
    try:
        return read_publication(document_of(line), policy, derive_mappings)
    except RecursionError:
        raise Wrong("broken-json", "its objects stand in one another deeper than any publication's; send it as the standard has it") from None
