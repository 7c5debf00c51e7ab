"""How much of a request is read, and for how long: a sender that is too big or too slow is told so and let go."""

import asyncio
import hmac
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request


class Turned(Exception):
    """The request is not taken: `status` is the HTTP status, the message what to do about it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    hook_bytes: int = 1 << 20
    batch_bytes: int = 16 << 20
    batch_lines: int = 5000
    read_s: float = 10.0


async def body_of(request: Request, most: int, deadline: float) -> bytes:
    """The raw body. Raises Turned: 413 as soon as it is known to be too big, 408 when it does not come in time, 400 when it breaks off."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most:
        raise _too_big(most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(deadline):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_big(most)
                parts.append(part)
    except TimeoutError:
        raise Turned(408, f"the body did not come within {deadline:g} s; send it again") from None
    except ClientDisconnect:
        raise Turned(400, "the connection ended before the body did") from None
    return b"".join(parts)


def authorised(request: Request, token: str) -> None:
    """Raises Turned unless the request bears the door's token."""
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Turned(401, "send the door's token as `Authorization: Bearer …`; the stack keeps it in run/secrets/door_token of its home")


def _too_big(most: int) -> Turned:
    return Turned(413, f"the body is larger than {most} bytes; send it in smaller parts")
