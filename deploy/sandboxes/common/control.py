"""The sandbox's own endpoints, under /_sandbox/: what it holds, what it was asked, what shall go wrong, whether it is up."""

from collections.abc import Callable

import msgspec
from aiohttp import web

from deploy.sandboxes.common.faults import FaultOrder
from deploy.sandboxes.common.front import Room
from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Stored

_PAGE = 1000


def control_routes(room: Room, by_account: bool, forget_tokens: Callable[[], None]) -> list[web.RouteDef]:
    """`by_account`: records are told as {account: {record: [...]}} instead of {record: [...]}."""
    control = _Control(room, by_account, forget_tokens)
    return [
        web.get("/_sandbox/healthz", control.health),
        web.get("/_sandbox/records", control.records),
        web.get("/_sandbox/requests", control.requests),
        web.get("/_sandbox/faults", control.faults),
        web.post("/_sandbox/faults", control.order_fault),
        web.delete("/_sandbox/faults", control.clear_faults),
        web.delete("/_sandbox/faults/{order}", control.lift_fault),
        web.post("/_sandbox/expire-tokens", control.expire_tokens),
    ]


class _Control:
    def __init__(self, room: Room, by_account: bool, forget_tokens: Callable[[], None]) -> None:
        self._room, self._by_account, self._forget_tokens = room, by_account, forget_tokens

    async def health(self, _: web.Request) -> web.Response:
        held = sum(len(objects) for _, _, objects in self._room.store.tables())
        return _json({"status": "up", "sandbox": self._room.name, "objects": held, "requests": len(self._room.log)})

    async def records(self, request: web.Request) -> web.Response:
        """?account= and ?record= narrow; ?count=true tells numbers instead of objects."""
        await self._room.journals.committed()
        account, record = request.query.get("account"), request.query.get("record")
        tell = len if request.query.get("count") == "true" else _told
        held: dict[str, JsonObject] = {}
        for tenant, name, objects in self._room.store.tables():
            if account in (None, tenant) and record in (None, name):
                held.setdefault(tenant, {})[name] = tell(objects)
        if self._by_account and account is None:
            return _json(held)
        return _json(next(iter(held.values()), {}))

    async def requests(self, request: web.Request) -> web.Response:
        """?after=N (default 0) and ?limit= (at most 1000): {requests, total, next_after or null}."""
        try:
            after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", str(_PAGE)))
        except ValueError:
            return _json({"error": "after and limit are whole numbers"}, status=400)
        page = await self._room.log.page(max(0, after), min(max(1, limit), _PAGE))
        last = page[-1]["n"] if page else after
        return _json({"requests": page, "total": len(self._room.log), "next_after": last if last < len(self._room.log) else None})

    async def faults(self, _: web.Request) -> web.Response:
        return _json({"faults": self._room.faults.report()})

    async def order_fault(self, request: web.Request) -> web.Response:
        try:
            order = msgspec.json.decode(await request.read(), type=FaultOrder)
        except msgspec.DecodeError as wrong:
            return _json({"error": f"not a fault order: {wrong}; deploy/sandboxes/README.md lists what can be ordered"}, status=400)
        name = self._room.faults.order(order)
        return _json({"order": name, "faults": self._room.faults.report()}, status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._room.faults.clear()
        return web.Response(status=204)

    async def lift_fault(self, request: web.Request) -> web.Response:
        """{met: {fault: calls that it befell}}."""
        met = self._room.faults.lift(request.match_info["order"])
        if met is None:
            return _json({"error": "no such order: it was cleared, or given before this sandbox started"}, status=404)
        return _json({"met": met})

    async def expire_tokens(self, _: web.Request) -> web.Response:
        self._forget_tokens()
        return web.Response(status=204)


def _told(objects: list[Stored]) -> list[JsonObject]:
    return [{"id": o.id, "externalId": o.external_id, "fields": o.fields, "createdAt": o.created_at, "changedAt": o.changed_at} for o in objects]


def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")
