"""Letters at the desk: counted, exported, discarded, and one of them read or edited."""

import base64
import json
from typing import Any

import asyncpg
import msgspec
from aiohttp import web

from shared.runtime.engine import Engine
from shared.runtime.records import unpacked
from shared.runtime.redriving.judgement import UNDECODED
from shared.runtime.redriving.requests import Discard, Edited, Refusal, answer, body_of, letters_asked
from shared.store.letters import Asked, Letter, LetterStore
from shared.store.plans import Row
from shared.telemetry import logs
from shared.wire.codec import NotPublished, Unencodable
from shared.wire.limits import Undecodable

log = logs.get(__name__)
PAGE = 200  # letters exported or discarded at a time; what is held in memory does not grow with their number


class Letters:
    def __init__(self, engine: Engine, pool: asyncpg.Pool) -> None:
        self.engine, self.letters = engine, LetterStore(pool)

    async def count(self, request: web.Request) -> web.Response:
        letters, last = await self.letters.count(letters_asked(request))
        return answer({"letters": letters, "last": last})

    async def discard(self, request: web.Request) -> web.Response:
        """Close the next letters without deciding on them; what is held behind them goes on. Ask again until `more` is false."""
        wanted = await body_of(request, Discard)
        letters = await self.letters.page(Asked(wanted.cause, wanted.key), wanted.after, PAGE, wanted.last)
        count = await self.letters.discard(letters, wanted.who, wanted.why)
        self.engine.inbox.wake()
        log.info("discarded", letters=count, who=wanted.who, why=wanted.why)
        return answer({"discarded": count, "after": letters[-1].id if letters else wanted.after, "more": len(letters) == PAGE})

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A line of JSON a letter, bytes in base64."""
        asked, after = letters_asked(request), 0
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
        if letter.is_poison:
            return answer({**told, "value": None, "unreadable": UNDECODED})
        try:
            return answer({**told, "value": self._decoded(letter), "unreadable": None})
        except Undecodable as problem:
            return answer({**told, "value": None, "unreadable": f"{problem.code}: {problem.message}"})

    async def edit(self, request: web.Request) -> web.Response:
        """Put another value in the place of the letter's; it has to be one of its topic's type."""
        wanted, letter = await body_of(request, Edited), await self._letter(request)
        message = self._typed(letter, bytes(wanted.value))
        try:
            value = self.engine.codec.encode(message, letter.topic)
            self.engine.codec.decode(value, type(message))
        except (Unencodable, Undecodable, NotPublished) as problem:
            raise Refusal(422, str(problem)) from problem
        if not await self.letters.edit(letter, value, wanted.who, wanted.why):
            raise Refusal(409, "the letter is being decided on right now, or has been resolved: look again")
        return answer({"edited": f"{letter.topic}/{letter.part}:{letter.offset}", "bytes": len(value)})

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


def _exported(letter: Letter) -> Row:
    """A letter with its bytes in base64."""
    record = {name: base64.b64encode(held).decode() if held is not None else None for name, held in _bytes(letter)}
    headers = [[name, base64.b64encode(held).decode()] for name, held in unpacked(letter.headers)]
    plain = {name: getattr(letter, name) for name in ("id", "topic", "part", "offset", "code", "message", "fingerprint", "attempts", "edited")}
    return {**plain, "state_key": letter.key, "at": letter.at.isoformat(), **record, "headers": headers}


def _bytes(letter: Letter) -> tuple[tuple[str, bytes | None], ...]:
    return ("key", letter.record_key), ("value", letter.value)
