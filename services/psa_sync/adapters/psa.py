"""Certinia PSA over Salesforce REST: objects are made and changed by PATCH on their external id, which is safe to repeat."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from services.psa_sync.adapters.answers import Unsure, absent, kept, made, meaning, unsure
from services.psa_sync.adapters.fields import EXTERNAL_KEY, holds, references, with_numbers
from services.psa_sync.adapters.sessions import NoSession, Sessions
from services.psa_sync.ports import PsaCall, call_of
from shared.runtime.answers import Absent, Ambiguous, Answer, Done, Exchange, Finding, Reply, Unavailable
from shared.runtime.decision import Intent
from shared.wire.http import HttpReply, NoAnswer, Unreachable, VendorHttp

SOBJECTS = "/services/data/v62.0/sobjects"


class Psa:
    """One org. `base`: its My Domain address. `secret` reads the client secret; `deadline`: seconds for one HTTP call."""

    def __init__(self, base: str, client_id: str, secret: Callable[[], str], *, deadline: float = 30.0) -> None:
        self._http = VendorHttp(base, deadline=deadline)
        self._sessions = Sessions(self._http, client_id, secret)

    async def close(self, within: float = 0.0) -> None:
        """Let calls under way end for `within` seconds, then close the connections."""
        await self._http.close(within)

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        """Make the object, or change it to what is wanted. Repeating it makes no second object, so the vendor needs no key from us."""
        call = call_of(intent)
        path = _path(call.object, call.external_id) + ("?updateOnly=true" if call.update_only else "")
        try:
            reply = await self._called("PATCH", path, with_numbers(call.fields))
            return Reply(_answer(call, reply), kept(reply.exchange))
        except NoSession as error:
            return Reply(Unavailable(str(error)), Exchange(f"PATCH {self._http.base}{path}"))
        except Unreachable as error:
            return Reply(Unavailable(str(error)), kept(error.exchange))
        except NoAnswer as error:
            return Reply(Ambiguous(str(error)), kept(error.exchange))

    async def look_up(self, intent: Intent) -> Finding:
        """Done when the object holds all that is wanted; Absent when it is not there or holds something else, as sending again is safe."""
        call = call_of(intent)
        try:
            held = await self._held(call.object, call.external_id)
            if held is None:
                return Absent()
            same = holds(call.fields, held, await self._record_ids(call))
            return _done(call, str(held["Id"])) if same else Absent()
        except Unsure as open_still:
            return open_still.answer

    async def _record_ids(self, call: PsaCall) -> dict[tuple[str, str], str]:
        """References are told by record id, so what ours point at is looked up as well."""
        found = {key: await self._held(*key, "?fields=Id") for key in sorted(references(call.fields))}
        return {key: str(held["Id"]) for key, held in found.items() if held is not None}

    async def _held(self, object_name: str, external_id: str, asked: str = "") -> Mapping[str, Any] | None:
        """What is there; None when the vendor itself says that nothing is. Raises Unsure."""
        what = f"{object_name} {external_id}"
        try:
            reply = await self._called("GET", _path(object_name, external_id) + asked)
        except (NoSession, Unreachable, NoAnswer) as error:
            raise Unsure(Unavailable(f"{what}: look-up: {error}")) from error
        if reply.status == 200 and isinstance(reply.json, dict) and "Id" in reply.json:
            return reply.json
        if absent(reply):
            return None
        raise unsure(reply, what, datetime.now(UTC))

    async def _called(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> HttpReply:
        """In the session at hand, or once more in a new one. Raises NoSession, Unreachable and NoAnswer."""
        token = await self._sessions.current()
        reply = await self._http.call(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
        if reply.status != 401:
            return reply
        self._sessions.forget(token)
        token = await self._sessions.current()
        return await self._http.call(method, path, json=body, headers={"Authorization": f"Bearer {token}"})


def _answer(call: PsaCall, reply: HttpReply) -> Answer:
    if made(reply):
        return _done(call, str(reply.json["id"]) if isinstance(reply.json, dict) else None)
    if call.update_only and absent(reply):
        return _done(call, None)  # to be taken out of use, and not there at all
    return meaning(reply, _name(call), datetime.now(UTC))


def _path(object_name: str, external_id: str) -> str:
    return f"{SOBJECTS}/{object_name}/{EXTERNAL_KEY}/{quote(external_id, safe='')}"


def _name(call: PsaCall) -> str:
    return f"{call.object} {call.external_id}"


def _done(call: PsaCall, record_id: str | None) -> Done:
    return Done(call.external_id, record_id, {"object": call.object})
