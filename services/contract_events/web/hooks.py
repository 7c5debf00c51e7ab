"""Webhooks of the contract systems: proven, bounded, each delivery one event however often it is sent."""

from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse

from services.contract_events.domain.events import ContractEvent
from services.contract_events.ports import Outlet, Unsendable
from services.contract_events.web.items import parcel_of
from services.contract_events.web.limits import Limits, Turned, body_of
from services.contract_events.web.signatures import signed_by_docusign, signed_by_ironclad
from services.contract_events.web.vendors import ConnectMessage, IroncladMessage, reported_by_docusign, reported_by_ironclad


@dataclass(frozen=True, slots=True)
class HookSettings:
    """`docusign_keys` are our Connect keys, `ironclad_key` is Ironclad's public key (PEM); without them their hook is closed.

    `ironclad_contract` makes a contract id of a workflow's: `{workflow_id}` stands for it.
    """

    docusign_keys: tuple[str, ...] = field(default=(), repr=False)
    ironclad_key: str = ""
    ironclad_contract: str = "{workflow_id}"
    role: str = "legal"


@dataclass(frozen=True, slots=True)
class Hooks:
    outlet: Outlet
    settings: HookSettings
    limits: Limits

    async def docusign(self, request: Request) -> JSONResponse:
        """`POST /hooks/docusign`. Raises Turned, OutletAway."""
        body = await body_of(request, self.limits.hook_bytes, self.limits.read_s)
        if not signed_by_docusign(body, request.headers, self.settings.docusign_keys):
            raise Turned(401, "no X-DocuSign-Signature header fits a Connect key of ours; compare THROUGHLINE_DOCUSIGN_KEYS with Connect's keys")
        try:
            message = ConnectMessage.model_validate_json(body)
        except ValidationError as error:
            raise Turned(400, f"this is no Connect message (JSON, restv2.1): {error.errors(include_url=False)[0]['msg']}") from None
        return await self._take(reported_by_docusign(message, self.settings.role))

    async def ironclad(self, request: Request) -> JSONResponse:
        """`POST /hooks/ironclad`. Raises Turned, OutletAway."""
        body = await body_of(request, self.limits.hook_bytes, self.limits.read_s)
        if not self.settings.ironclad_key or not signed_by_ironclad(body, request.headers, self.settings.ironclad_key):
            raise Turned(401, "the delivery's seal does not fit Ironclad's public key; set THROUGHLINE_IRONCLAD_KEY to the one it publishes")
        try:
            message = IroncladMessage.model_validate_json(body)
        except ValidationError as error:
            raise Turned(400, f"this is no Ironclad message: {error.errors(include_url=False)[0]['msg']}") from None
        contract_id = self.settings.ironclad_contract.replace("{workflow_id}", message.payload.workflowID)
        delivery = request.headers.get("x-ironclad-webhook-event-id", "")
        return await self._take(reported_by_ironclad(message, delivery, self.settings.role, contract_id))

    async def _take(self, report: ContractEvent | str) -> JSONResponse:
        """What means nothing here is thanked for all the same: the vendor would only send it again."""
        if isinstance(report, str):
            return JSONResponse({"outcome": "ignored", "reason": report})
        try:
            await self.outlet.send([parcel_of(report)])
        except Unsendable as error:
            raise Turned(400, str(error)) from error
        return JSONResponse({"outcome": "taken", "contract_id": report.contract_id, "event_id": report.event_id})
