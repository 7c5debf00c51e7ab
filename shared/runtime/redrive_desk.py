"""The desk for dead letters on the ops port: plan, apply, edit, discard, export. Every request shows the token; every change names who and why."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import asyncpg
import msgspec
from aiohttp import web

from shared.runtime.engine import Engine
from shared.runtime.ops_token import shows
from shared.runtime.records import unpacked
from shared.runtime.redrive_judge import Judge
from shared.store.batches import BatchStore
from shared.store.letters import Asked, Letter, LetterStore
from shared.store.plans import PlanStore, Row
from shared.store.steps import StepStore
from shared.telemetry import logs
from shared.wire.codec import NotPublished, Unencodable
from shared.wire.limits import Undecodable
from shared.wire.registry import RegistryAway

log = logs.get(__name__)
PAGE = 200  # letters judged, discarded or exported at a time; what is held in memory does not grow with their number
JUDGE_PAGES = 5
MOST_BYTES = 4 << 20
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"\S")]
Text = Annotated[str, msgspec.Meta(max_length=1000)]
T = TypeVar("T")
Handler = Callable[["Desk", web.Request], Awaitable[web.StreamResponse]]


class Signed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`who` asks, and `why`."""

    who: Words
    why: Words


class Begin(Signed, kw_only=True):
    cause: Text | None = None
    key: Text | None = None


class Discard(Signed, kw_only=True):
    """The next letters behind `after` of those asked for."""

    cause: Text | None = None
    key: Text | None = None
    after: int = 0
    last: int


class Edited(Signed, kw_only=True):
    value: msgspec.Raw


class Apply(msgspec.Struct, forbid_unknown_fields=True):
    who: Words
    hash: str


class Refusal(Exception):
    """What was asked for cannot be done: `status` and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Desk:
    def __init__(self, engine: Engine, pool: asyncpg.Pool, token: str | None) -> None:
        self.engine, self.token = engine, token
        self.letters, self.plans, self.steps = LetterStore(pool), PlanStore(pool), StepStore(pool)
        self.judge = Judge(engine.service, engine.codec, BatchStore(pool), self.plans)

    def routes(self) -> list[web.RouteDef]:
        plan, place = "/dead-letters/plans/{plan:\\d+}", "/dead-letters/at/{topic}/{part:\\d+}/{offset:-?\\d+}"
        return [
            web.post("/dead-letters/plans", self._guarded(Desk.begin)),
            web.get(plan, self._guarded(Desk.show)),
            web.get(f"{plan}/items", self._guarded(Desk.items)),
            web.post(f"{plan}/judge", self._guarded(Desk.go_on_judging)),
            web.post(f"{plan}/advance", self._guarded(Desk.advance)),
            web.get("/dead-letters/count", self._guarded(Desk.count)),
            web.post("/dead-letters/discard", self._guarded(Desk.discard)),
            web.get("/dead-letters/export", self._guarded(Desk.export)),
            web.get(place, self._guarded(Desk.read)),
            web.post(place, self._guarded(Desk.edit)),
        ]

    def _guarded(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not shows(request.headers.get("Authorization"), self.token):
                return web.json_response({"error": "show the ops token: Authorization: Bearer …"}, status=401)
            try:
                return await handler(self, request)
            except Refusal as refusal:
                return web.json_response({"error": str(refusal)}, status=refusal.status)
            except RegistryAway as away:
                return web.json_response({"error": f"the schema registry does not answer: {away}; ask again when it does"}, status=503)

        return answer

    async def begin(self, request: web.Request) -> web.Response:
        """A plan over the letters that stand now; nothing of it is judged yet."""
        wanted = await _body(request, Begin)
        asked = Asked(wanted.cause, wanted.key)
        letters, last = await self.letters.count(asked)
        return _answer(await self._told(await self.plans.begin(asked, wanted.who, wanted.why, letters, last)))

    async def show(self, request: web.Request) -> web.Response:
        return _answer(await self._told(await self._plan(request)))

    async def items(self, request: web.Request) -> web.Response:
        """The next 200 items behind `after`."""
        plan = await self._plan(request)
        rows = await self.plans.items(plan["id"], _number(request, "after"), PAGE)
        return _answer([_item(row) for row in rows])

    async def go_on_judging(self, request: web.Request) -> web.Response:
        """Judge the next letters of the plan; ask again until its status is `ready`."""
        plan = await self._plan(request)
        for _ in range(JUDGE_PAGES):
            if plan["status"] != "judging":
                break
            letters = await self.letters.page(Asked(plan["cause"], plan["key"]), plan["judged"], PAGE, plan["last"])
            items = await self.judge.items(plan, letters)
            await self.plans.judged(plan, letters[-1].id if letters else plan["last"], items, len(letters) < PAGE)
            plan = await self._plan(request)
        return _answer(await self._told(plan))

    async def advance(self, request: web.Request) -> web.Response:
        """Confirm what has ended, begin the next step when it is time; ask again until the status is `ended`, `stopped` or `refused`."""
        wanted, plan = await _body(request, Apply), await self._plan(request)
        if plan["status"] == "judging":
            raise Refusal(409, f"plan {plan['id']} is not judged to its end: go on judging it first")
        if plan["hash"] != wanted.hash or (plan["status"] == "ready" and not await self.plans.still_bound(plan)):
            raise Refusal(409, f"plan {plan['id']} is not the one that was shown: its items do not have that hash; plan anew")
        after = await self.steps.advance(plan["id"], wanted.who)
        self.engine.inbox.wake()
        if after["status"] != plan["status"]:
            log.info("redrive", plan=plan["id"], status=after["status"], who=wanted.who, said=after["said"])
        return _answer(await self._told(after, totals=False))

    async def count(self, request: web.Request) -> web.Response:
        letters, last = await self.letters.count(_asked(request))
        return _answer({"letters": letters, "last": last})

    async def discard(self, request: web.Request) -> web.Response:
        """Close the next letters without deciding on them; what is held behind them goes on. Ask again until `more` is false."""
        wanted = await _body(request, Discard)
        letters = await self.letters.page(Asked(wanted.cause, wanted.key), wanted.after, PAGE, wanted.last)
        count = await self.letters.discard(letters, wanted.who, wanted.why)
        self.engine.inbox.wake()
        log.info("discarded", letters=count, who=wanted.who, why=wanted.why)
        return _answer({"discarded": count, "after": letters[-1].id if letters else wanted.after, "more": len(letters) == PAGE})

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A line of JSON a letter, bytes in base64."""
        asked, after = _asked(request), 0
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        while letters := await self.letters.page(asked, after, PAGE):
            after = letters[-1].id
            await response.write(b"".join(json.dumps(_exported(letter)).encode() + b"\n" for letter in letters))
        await response.write_eof()
        return response

    async def read(self, request: web.Request) -> web.Response:
        """One letter with its value as JSON, as far as it decodes."""
        letter = await self._letter(request)
        told = {name: held for name, held in _exported(letter).items() if name not in ("value", "headers")}
        try:
            return _answer({**told, "value": self._decoded(letter), "unreadable": None})
        except Undecodable as problem:
            return _answer({**told, "value": None, "unreadable": f"{problem.code}: {problem.message}"})

    async def edit(self, request: web.Request) -> web.Response:
        """Put another value in the place of the letter's; it has to be one of its topic's type."""
        wanted, letter = await _body(request, Edited), await self._letter(request)
        message = self._typed(letter, bytes(wanted.value))
        try:
            value = self.engine.codec.encode(message, letter.topic)
            self.engine.codec.decode(value, type(message))
        except (Unencodable, Undecodable, NotPublished) as problem:
            raise Refusal(422, str(problem)) from problem
        if not await self.letters.edit(letter, value, wanted.who, wanted.why):
            raise Refusal(409, "the letter is being decided on right now, or has been resolved: look again")
        return _answer({"edited": f"{letter.topic}/{letter.part}:{letter.offset}", "bytes": len(value)})

    async def _plan(self, request: web.Request) -> Row:
        number = int(request.match_info["plan"])
        plan = await self.plans.find(number) if number < 2**63 else None
        if plan is None:
            raise Refusal(404, f"{self.engine.service.name} has no plan {number}")
        return plan

    async def _letter(self, request: web.Request) -> Letter:
        topic, part, offset = (request.match_info[name] for name in ("topic", "part", "offset"))
        known = int(part) < 2**31 and abs(int(offset)) < 2**63
        letter = await self.letters.at(topic, int(part), int(offset)) if known else None
        if letter is None:
            raise Refusal(404, f"{self.engine.service.name} has no unresolved dead letter of {topic}/{part}:{offset}")
        return letter

    def _decoded(self, letter: Letter) -> Any:
        return msgspec.to_builtins(self.engine.codec.decode(letter.value or b"", self._type(letter)))

    def _typed(self, letter: Letter, text: bytes) -> Any:
        try:
            return msgspec.json.decode(text, type=self._type(letter))
        except msgspec.ValidationError as problem:
            raise Refusal(422, f"the value is no record of {letter.topic}: {problem}") from problem

    def _type(self, letter: Letter) -> Any:
        route = self.engine.routes.get(letter.topic)
        if route is None or route.message is None:
            raise Refusal(422, f"{letter.topic} has no schema in {self.engine.service.name}: its records cannot be edited")
        return route.message

    async def _told(self, plan: Row, totals: bool = True) -> Row:
        progress = await self.plans.progress(plan["id"])
        summed = await self.plans.totals(plan["id"]) if totals else []
        return {**plan, "service": self.engine.service.name, "progress": progress, "totals": summed}


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Refusal(400, f"the body is not as it should be: {problem}") from problem
    except web.HTTPRequestEntityTooLarge as problem:
        raise Refusal(413, f"the body is larger than {MOST_BYTES} bytes") from problem


def _asked(request: web.Request) -> Asked:
    return Asked(request.query.get("cause"), request.query.get("key"))


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not text.isdecimal() or len(text) > 9:
        raise Refusal(400, f"{name} is not a number: {text!r}")
    return int(text)


def _exported(letter: Letter) -> Row:
    """A letter with its bytes in base64."""
    record = {name: base64.b64encode(held).decode() if held is not None else None for name, held in _bytes(letter)}
    headers = [[name, base64.b64encode(held).decode()] for name, held in unpacked(letter.headers)]
    plain = {name: getattr(letter, name) for name in ("id", "topic", "part", "offset", "code", "message", "fingerprint", "attempts", "edited")}
    return {**plain, "state_key": letter.key, "at": letter.at.isoformat(), **record, "headers": headers}


def _bytes(letter: Letter) -> tuple[tuple[str, bytes | None], ...]:
    return ("key", letter.record_key), ("value", letter.value)


def _item(row: Row) -> Row:
    plain = {name: held for name, held in row.items() if name not in ("digest", "emits", "calls", "reads")}
    return {**plain, **{name: json.loads(row[name]) for name in ("emits", "calls", "reads")}}


def _answer(content: Any) -> web.Response:
    return web.json_response(content, dumps=lambda held: json.dumps(held, default=str))
