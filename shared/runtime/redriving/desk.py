"""The desk for dead letters on the ops port: plan, apply, edit, discard, export. Every request shows the token; every change names who and why."""

from collections.abc import Awaitable, Callable

import asyncpg
from aiohttp import web

from shared.runtime.engine import Engine
from shared.runtime.ops_token import shows
from shared.runtime.redriving.letters import Letters
from shared.runtime.redriving.plans import Plans
from shared.runtime.redriving.requests import Refusal
from shared.wire.registry import RegistryAway

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Desk:
    def __init__(self, engine: Engine, pool: asyncpg.Pool, token: str | None) -> None:
        self.token, self.plans, self.letters = token, Plans(engine, pool), Letters(engine, pool)

    def routes(self) -> list[web.RouteDef]:
        plan, place = "/dead-letters/plans/{plan:\\d+}", "/dead-letters/at/{topic}/{part:\\d+}/{offset:-?\\d+}"
        return [
            web.post("/dead-letters/plans", self._guarded(self.plans.begin)),
            web.get(plan, self._guarded(self.plans.show)),
            web.get(f"{plan}/items", self._guarded(self.plans.items)),
            web.post(f"{plan}/judge", self._guarded(self.plans.go_on_judging)),
            web.post(f"{plan}/advance", self._guarded(self.plans.advance)),
            web.get("/dead-letters/count", self._guarded(self.letters.count)),
            web.post("/dead-letters/discard", self._guarded(self.letters.discard)),
            web.get("/dead-letters/export", self._guarded(self.letters.export)),
            web.get(place, self._guarded(self.letters.read)),
            web.post(place, self._guarded(self.letters.edit)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not shows(request.headers.get("Authorization"), self.token):
                return web.json_response({"error": "show the ops token: Authorization: Bearer …"}, status=401)
            try:
                return await handler(request)
            except Refusal as refusal:
                return web.json_response({"error": str(refusal)}, status=refusal.status)
            except RegistryAway as away:
                return web.json_response({"error": f"the schema registry does not answer: {away}; ask again when it does"}, status=503)

        return answer
