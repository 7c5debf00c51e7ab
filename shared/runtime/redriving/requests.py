"""What the desk is asked, read strictly, and how it answers or refuses."""

import json
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web

from shared.store.letters import Asked

MOST_BYTES = 4 << 20
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=1000, pattern=r"\S")]
Text = Annotated[str, msgspec.Meta(max_length=1000)]
T = TypeVar("T")


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


async def body_of(request: web.Request, kind: type[T]) -> T:
    """Raises Refusal."""
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Refusal(400, f"the body is not as it should be: {problem}") from problem
    except web.HTTPRequestEntityTooLarge as problem:
        raise Refusal(413, f"the body is larger than {MOST_BYTES} bytes") from problem


def letters_asked(request: web.Request) -> Asked:
    return Asked(request.query.get("cause"), request.query.get("key"))


def number_of(request: web.Request, name: str) -> int:
    """0 where it is not given. Raises Refusal."""
    text = request.query.get(name, "0")
    if not text.isdecimal() or len(text) > 9:
        raise Refusal(400, f"{name} is not a number: {text!r}")
    return int(text)


def answer(content: Any) -> web.Response:
    return web.json_response(content, dumps=lambda held: json.dumps(held, default=str))
