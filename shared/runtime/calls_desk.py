"""The desk for parked calls on the ops port: try them again now, once their adapter has been mended."""

import msgspec
from aiohttp import web

from shared.runtime.ops_token import shows
from shared.store.effects import EffectStore
from shared.telemetry import logs

log = logs.get(__name__)


class Again(msgspec.Struct, forbid_unknown_fields=True):
    who: str


class Calls:
    """There is no giving up here: whether the object is there is unknown, and only an adapter that works can find out."""

    def __init__(self, effects: EffectStore, token: str | None) -> None:
        self.effects, self.token = effects, token

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/calls/retry", self.retry)]

    async def retry(self, request: web.Request) -> web.Response:
        """Make every parked call due; the runner finds them at its next look."""
        if not shows(request.headers.get("Authorization"), self.token):
            return web.json_response({"error": "show the ops token: Authorization: Bearer …"}, status=401)
        try:
            wanted = msgspec.json.decode(await request.read(), type=Again)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            return web.json_response({"error": f"the body is not as it should be: {problem}"}, status=400)
        count = await self.effects.again()
        log.info("calls_again", calls=count, who=wanted.who)
        return web.json_response({"calls": count})
