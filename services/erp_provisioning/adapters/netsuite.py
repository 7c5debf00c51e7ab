"""Oracle NetSuite over SuiteTalk REST record v1: objects are made and changed by PUT on their external id, which is safe to repeat."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from services.erp_provisioning.adapters.answers import Unsure, absent, kept, made, meaning, unsure
from services.erp_provisioning.adapters.fields import holds, references, with_numbers
from services.erp_provisioning.adapters.tokens import Credentials, NoToken, Tokens
from services.erp_provisioning.ports import ErpCall, call_of
from shared.runtime.answers import Absent, Ambiguous, Answer, Done, Exchange, Finding, Rejected, Reply, Unavailable
from shared.runtime.decision import Intent
from shared.wire.http import HttpReply, NoAnswer, Unreachable, VendorHttp

RECORDS = "/services/rest/record/v1"
# A misspelt field is refused; by default the vendor drops it with a warning, and the object is made without it.
_STRICT = {"X-NetSuite-PropertyNameValidation": "Error"}


class NetSuite:
    """One tenant. `base`: the address below which its services are. `deadline`: seconds for one HTTP call."""

    def __init__(self, base: str, credentials: Credentials, *, deadline: float = 30.0) -> None:
        self._http = VendorHttp(base, deadline=deadline)
        self._tokens = Tokens(self._http, credentials)

    async def close(self, within: float = 0.0) -> None:
        """Let calls under way end for `within` seconds, then close the connections."""
        await self._http.close(within)

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        """Make the object, or change it to what is wanted. Repeating it makes no second object, so the vendor needs no key from us."""
        call = call_of(intent)
        try:
            reply = await self._called(call.method, _path(call), with_numbers(call.body))
            return Reply(await self._answer(call, reply), kept(reply.exchange))
        except NoToken as error:
            return Reply(Unavailable(str(error)), Exchange(f"{call.method} {self._http.base}{_path(call)}"))
        except Unreachable as error:
            return Reply(Unavailable(str(error)), kept(error.exchange))
        except NoAnswer as error:
            return Reply(Ambiguous(str(error)), kept(error.exchange))

    async def look_up(self, intent: Intent) -> Finding:
        """Done when the object holds all that is wanted; Absent when it is not there or holds something else, as sending again is safe."""
        call = call_of(intent)
        try:
            held = await self._held(call.record, call.external_id)
            if held is None:
                return Absent()
            same = holds(call.record, call.body, held, await self._internal_ids(call, call.body))
            return _done(call, str(held["id"])) if same else Absent()
        except Unsure as open_still:
            return open_still.answer

    async def _answer(self, call: ErpCall, reply: HttpReply) -> Answer:
        try:
            return await self._meaning(call, reply)
        except Unsure as open_still:
            return Ambiguous(f"{_name(call)}: answered {reply.status}; {open_still}")

    async def _meaning(self, call: ErpCall, reply: HttpReply) -> Answer:
        if made(reply):
            return _done(call, _located(reply) or await self._internal_id(call.record, call.external_id))
        if call.method == "PATCH" and absent(reply):
            return _done(call, None)  # to be taken out of use, and not there at all
        answer = meaning(reply, _name(call), datetime.now(UTC))
        if isinstance(answer, Rejected) and "already exists" in answer.cause.message and await self._internal_id(call.record, call.external_id):
            return Unavailable(f"{_name(call)}: another call made it at the same moment", of_target=False)
        return answer

    async def _internal_ids(self, call: ErpCall, body: Mapping[str, Any]) -> dict[tuple[str, str], str]:
        """The vendor tells references by internal id, so what ours point at is looked up as well."""
        found = {key: await self._internal_id(*key) for key in sorted(references(call.record, body))}
        return {key: internal_id for key, internal_id in found.items() if internal_id is not None}

    async def _internal_id(self, record: str, external_id: str) -> str | None:
        held = await self._held(record, external_id)
        return None if held is None else str(held["id"])

    async def _held(self, record: str, external_id: str) -> Mapping[str, Any] | None:
        """What is there; None when the vendor itself says that nothing is. Raises Unsure."""
        what = f"{record} {external_id}"
        try:
            reply = await self._called("GET", f"{RECORDS}/{record}/eid:{external_id}?expandSubResources=true", None)
        except (NoToken, Unreachable, NoAnswer) as error:
            raise Unsure(Unavailable(f"{what}: look-up: {error}")) from error
        if reply.status == 200 and isinstance(reply.json, dict) and "id" in reply.json:
            return reply.json
        if absent(reply):
            return None
        raise unsure(reply, what, datetime.now(UTC))

    async def _called(self, method: str, path: str, body: Mapping[str, Any] | None) -> HttpReply:
        """With a token that was good a moment ago, or once more with a new one. Raises NoToken, Unreachable and NoAnswer."""
        token = await self._tokens.current()
        reply = await self._http.call(method, path, json=body, headers={"Authorization": f"Bearer {token}", **_STRICT})
        if reply.status != 401:
            return reply
        self._tokens.forget(token)
        token = await self._tokens.current()
        return await self._http.call(method, path, json=body, headers={"Authorization": f"Bearer {token}", **_STRICT})


def _path(call: ErpCall) -> str:
    replaced = f"?replace={','.join(call.replace)}" if call.replace else ""
    return f"{RECORDS}/{call.record}/eid:{call.external_id}{replaced}"


def _name(call: ErpCall) -> str:
    return f"{call.record} {call.external_id}"


def _located(reply: HttpReply) -> str | None:
    return urlsplit(reply.headers.get("Location", "")).path.rpartition("/")[2] or None


def _done(call: ErpCall, internal_id: str | None) -> Done:
    return Done(call.external_id, internal_id, {"record": call.record})
