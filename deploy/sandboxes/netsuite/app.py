"""The NetSuite sandbox put together: one path per account, the record service behind its door and its concurrency limit."""

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec
from aiohttp import web

from deploy.sandboxes.common.front import Room, Target
from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.launch import application, open_room
from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.keys import netsuite_key
from deploy.sandboxes.netsuite import errors, render
from deploy.sandboxes.netsuite.books import Books
from deploy.sandboxes.netsuite.contract import Record, record_named
from deploy.sandboxes.netsuite.governor import governing
from deploy.sandboxes.netsuite.oauth import TOKEN_PATH, Door
from deploy.sandboxes.netsuite.query import filtered, page_bounds

_RECORDS = "/services/rest/record/v1"
_ACCOUNT = r"/{account:netsuite-[a-z0-9-]+}"
_TARGET = re.compile(r"/(?P<account>netsuite-[a-z0-9-]+)(?:/services/rest/record/v1/(?P<record>[^/]+).*)?")
_JSON = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one account: requests at once (15 is the vendor's tier 1), and bytes a body may have (the vendor's 104 MB)."""

    concurrency: int = 15
    max_body: int = 104 * 1024 * 1024


class NetSuite:
    """The record service over HTTP, and how it says things (`common.front.Vendor`)."""

    def __init__(self, room: Room, door: Door) -> None:
        self._books, self._door = Books(room), door

    def target(self, request: web.Request) -> Target:
        matched = _TARGET.match(request.path)
        if matched is None:
            return Target("", "")
        asked = matched["record"] or ""
        record = record_named(asked)
        return Target(matched["account"], record.name if record else asked)

    def throttled(self, retry_after: int | None) -> web.Response:
        response = errors.answer(errors.concurrency_exceeded())
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    def failed(self, status: int) -> web.Response:
        return errors.answer(errors.NetSuiteError(status, "UNEXPECTED_ERROR", "An unexpected error occurred. Contact support."))

    def refusal(self, error: Exception) -> web.Response | None:
        if isinstance(error, errors.NetSuiteError):
            return errors.answer(error)
        if isinstance(error, web.HTTPRequestEntityTooLarge):
            return errors.answer(errors.NetSuiteError(413, "REQUEST_TOO_LARGE", "The request body is larger than allowed."))
        if isinstance(error, web.HTTPException):
            return errors.answer(errors.NetSuiteError(error.status, "INVALID_REQUEST", error.reason, ("o:errorUrl", "path")))
        return None

    def routes(self) -> list[web.RouteDef]:
        one, every = _ACCOUNT + _RECORDS + "/{record}/{key}", _ACCOUNT + _RECORDS + "/{record}"
        return [
            web.post(_ACCOUNT + TOKEN_PATH, self._door.give_token),
            web.post(every, self._create),
            web.get(every, self._list),
            web.get(one, self._get),
            web.patch(one, self._change),
            web.put(one, self._upsert),
            web.delete(one, self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        return _written(request, record, self._books.create(account, record, await _body(request)))

    async def _change(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        body = await _body(request)
        return _written(request, record, self._books.change(account, record, request.match_info["key"], body, _replaced(request)))

    async def _upsert(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        body = await _body(request)
        return _written(request, record, self._books.upsert(account, record, request.match_info["key"], body, _replaced(request)))

    async def _delete(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        self._books.delete(account, record, request.match_info["key"])
        return web.Response(status=204)

    async def _get(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        stored = self._books.get(account, record, request.match_info["key"])
        simple = request.query.get("simpleEnumFormat") == "true"
        return render.answer(render.instance(record, stored, _base(request, record), simple), "singular")

    async def _list(self, request: web.Request) -> web.Response:
        account, record = self._admitted(request)
        limit, offset = page_bounds(request.query.get("limit", "1000"), request.query.get("offset", "0"))
        found = filtered(record, self._books.all(account, record), request.query.get("q"))
        return render.answer(render.collection(found, limit, offset, _base(request, record)), "collection")

    def _admitted(self, request: web.Request) -> tuple[str, Record]:
        account = request.match_info["account"]
        self._door.let_in(request, account)
        if "respond-async" in request.headers.get("Prefer", ""):
            raise errors.NetSuiteError(400, "INVALID_HEADER", "This sandbox answers synchronously only.", ("o:errorHeader", "Prefer"))
        record = record_named(request.match_info["record"])
        if record is None:
            raise errors.no_such_record_type(request.match_info["record"])
        return account, record


def build(home: Path, limits: Limits, latency_ms: float = 0.0) -> web.Application:
    """The application over HOME/sandboxes/netsuite. Raises BlockingIOError when that folder is in use."""
    folder = home / "sandboxes" / "netsuite"
    room = open_room("netsuite", folder, latency_ms)
    door = Door(netsuite_key(home), folder / "token_key")
    vendor = NetSuite(room, door)
    app = application(
        room,
        vendor,
        max_body=limits.max_body,
        by_account=True,
        forget_tokens=door.tokens.forget_all,
        around=(governing(limits.concurrency, vendor),),
    )
    app.add_routes(vendor.routes())
    return app


async def _body(request: web.Request) -> JsonObject:
    try:
        body = _JSON.decode(await request.read())
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        raise errors.bad_body() from None
    if not isinstance(body, dict):
        raise errors.bad_body()
    return body


def _replaced(request: web.Request) -> frozenset[str]:
    return frozenset(filter(None, request.query.get("replace", "").split(",")))


def _base(request: web.Request, record: Record) -> str:
    return f"{request.scheme}://{request.host}/{request.match_info['account']}{_RECORDS}/{record.name}"


def _written(request: web.Request, record: Record, stored: Stored) -> web.Response:
    return web.Response(status=204, headers={"Location": f"{_base(request, record)}/{stored.id}"})
