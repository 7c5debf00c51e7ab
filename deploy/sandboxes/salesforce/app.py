"""A Salesforce sandbox put together: the REST resources of one org behind its OAuth door."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import msgspec
from aiohttp import web

from deploy.sandboxes.common.front import Room, Target
from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.launch import application, open_room
from deploy.sandboxes.keys import client_secret
from deploy.sandboxes.salesforce import errors, render, soql
from deploy.sandboxes.salesforce.oauth import TOKEN_PATH, Door
from deploy.sandboxes.salesforce.objects import EXTERNAL_KEY, SObject
from deploy.sandboxes.salesforce.org import Org

_MAX_BODY = 6 * 1024 * 1024
_RECORD = render.DATA + "/sobjects/{sobject}"
_TARGET = re.compile(re.escape(render.DATA) + r"/(?:sobjects/(?P<sobject>\w+).*|(?P<query>query))")
_JSON = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Profile:
    """What makes an org this org: its name, its objects, and what it holds from the start ({object: [fields…]}, each with its key)."""

    name: str
    objects: dict[str, SObject]
    seeds: dict[str, list[JsonObject]] = field(default_factory=dict)


class Salesforce:
    """The REST resources over HTTP, and how they say things (`common.front.Vendor`)."""

    def __init__(self, org: Org, door: Door) -> None:
        self._org, self._door = org, door

    def target(self, request: web.Request) -> Target:
        matched = _TARGET.match(request.path)
        return Target(self._org.name, (matched["sobject"] or matched["query"]) if matched else "")

    def throttled(self, retry_after: int | None) -> web.Response:
        response = errors.answer(errors.SalesforceError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    def failed(self, status: int) -> web.Response:
        code = "SERVER_UNAVAILABLE" if status == 503 else "UNKNOWN_EXCEPTION"
        return errors.answer(errors.SalesforceError(status, code, "The server is not able to answer at this time. Try again later."))

    def refusal(self, error: Exception) -> web.Response | None:
        if isinstance(error, errors.SalesforceError):
            return errors.answer(error)
        if isinstance(error, web.HTTPMethodNotAllowed):
            return errors.answer(errors.SalesforceError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{error.method}' not allowed."))
        if isinstance(error, web.HTTPRequestEntityTooLarge):
            return errors.answer(errors.SalesforceError(413, "REQUEST_TOO_LARGE", "The request body is larger than allowed."))
        return errors.answer(errors.not_found()) if isinstance(error, web.HTTPException) else None

    def routes(self) -> list[web.RouteDef]:
        by_id, by_key = _RECORD + "/{id}", _RECORD + "/{field}/{value}"
        return [
            web.post(TOKEN_PATH, self._door.give_token),
            web.get(render.DATA + "/query", self._query),
            web.post(_RECORD, self._create),
            web.get(by_id, self._get_by_id),
            web.patch(by_id, self._change),
            web.delete(by_id, self._delete_by_id),
            web.get(by_key, self._get_by_key),
            web.patch(by_key, self._upsert),
            web.delete(by_key, self._delete_by_key),
        ]

    async def _query(self, request: web.Request) -> web.Response:
        self._door.let_in(request)
        return render.answer(soql.run(self._org, request.query.get("q", "")))

    async def _create(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        stored = self._org.create(sobject, await _body(request))
        return render.answer({"id": stored.id, "success": True, "errors": []}, 201)

    async def _upsert(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        body, asked = await _body(request), request.match_info
        update_only = request.query.get("updateOnly") == "true"
        stored, created = self._org.upsert(sobject, asked["field"], asked["value"], body, update_only)
        return render.answer({"id": stored.id, "success": True, "errors": [], "created": created}, 201 if created else 200)

    async def _change(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        body = await _body(request)
        self._org.change(self._org.by_id(sobject, request.match_info["id"]), body)
        return web.Response(status=204)

    async def _get_by_id(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        return _told(request, sobject, render.row(sobject, self._org.by_id(sobject, request.match_info["id"])))

    async def _get_by_key(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        found = self._org.by_key(sobject, request.match_info["field"], request.match_info["value"])
        if found is None:
            raise errors.not_found()
        return _told(request, sobject, render.row(sobject, found))

    async def _delete_by_id(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        self._org.delete(self._org.by_id(sobject, request.match_info["id"]))
        return web.Response(status=204)

    async def _delete_by_key(self, request: web.Request) -> web.Response:
        sobject = self._admitted(request)
        found = self._org.by_key(sobject, request.match_info["field"], request.match_info["value"])
        if found is None:
            raise errors.not_found()
        self._org.delete(found)
        return web.Response(status=204)

    def _admitted(self, request: web.Request) -> SObject:
        self._door.let_in(request)
        return self._org.sobject(request.match_info["sobject"])


def build(profile: Profile, home: Path, latency_ms: float = 0.0) -> web.Application:
    """The application over HOME/sandboxes/<name>. Raises BlockingIOError when that folder is in use."""
    folder = home / "sandboxes" / profile.name
    room = open_room(profile.name, folder, latency_ms)
    org = Org(profile.name, profile.objects, room.store, room.faults)
    _sow(org, profile, room)
    door = Door(profile.name, client_secret(home, profile.name), folder / "token_key")
    vendor = Salesforce(org, door)
    app = application(room, vendor, max_body=_MAX_BODY, by_account=False, forget_tokens=door.tokens.forget_all)
    app.add_routes(vendor.routes())
    return app


def _sow(org: Org, profile: Profile, room: Room) -> None:
    for name, wanted in profile.seeds.items():
        for fields in wanted:
            if room.store.find(org.name, name, fields[EXTERNAL_KEY]) is None:
                org.create(org.sobject(name), fields)


async def _body(request: web.Request) -> JsonObject:
    try:
        body = _JSON.decode(await request.read())
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise errors.SalesforceError(400, "JSON_PARSER_ERROR", "The body is not a JSON object.")
    return body


def _told(request: web.Request, sobject: SObject, row: JsonObject) -> web.Response:
    """?fields=a,b narrows the answer."""
    asked = request.query.get("fields")
    if asked is None:
        return render.answer(row)
    unknown = [name for name in asked.split(",") if name not in sobject.fields]
    if unknown:
        raise errors.no_such_column(unknown[0], sobject.name)
    return render.answer({name: row[name] for name in ("attributes", *asked.split(","), "Id")})
