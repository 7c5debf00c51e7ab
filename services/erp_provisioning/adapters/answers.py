"""What NetSuite's answers mean: from status and code to what to do next, and the words of a refusal.

An answer that is not in the vendor's shape is somebody else's, a proxy's or a portal's: it tells nothing of the object, which may have been made.
"""

from dataclasses import replace
from datetime import datetime

from shared.kernel.cause import Cause
from shared.runtime.answers import Ambiguous, Answer, Exchange, Rejected, Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import seconds_of

_BUSY = frozenset({"CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"})
# Somebody else changed the same object at the same moment.
_COLLIDED = frozenset({"RCRD_HAS_BEEN_CHANGED", "CUST_RCRD_HAS_BEEN_CHANGED", "RECORD_LOCKED"})
_CHECK = "check the integration's role and its certificate in this account"


class Unsure(Exception):
    """Looking told neither what is there nor that nothing is; `answer` says to look again later."""

    def __init__(self, answer: Unavailable) -> None:
        super().__init__(answer.reason)
        self.answer = answer


def made(reply: HttpReply) -> bool:
    """The vendor answers a write with 204; other good answers hold the object."""
    return reply.status == 204 or (reply.status in (200, 201) and isinstance(reply.json, dict) and "id" in reply.json)


def absent(reply: HttpReply) -> bool:
    return reply.status == 404 and refused(reply)


def refused(reply: HttpReply) -> bool:
    """Whether the vendor itself says that nothing was done; after any other 5xx it may have been."""
    return (400 <= reply.status < 500 or reply.status == 503) and bool(_first(reply))


def meaning(reply: HttpReply, what: str, now: datetime) -> Answer:
    """The answer that anything but success stands for; `what` names the object, such as `job P_C-1`."""
    code, detail = told(reply)
    status, after = reply.status, seconds_of(reply.headers.get("Retry-After"), now)
    if status == 429 or code in _BUSY:
        return Unavailable(f"{what}: {detail}", retry_after=after, throttled=True)
    if status == 401:
        return Unavailable(f"{what}: {status} {code}: {detail}; {_CHECK}")
    if not refused(reply):
        return Ambiguous(f"{what}: {status} {code}: {detail}; it may have been done")
    if status == 503:
        return Unavailable(f"{what}: 503 {code}: {detail}", retry_after=after)
    if status == 403:
        return Unavailable(f"{what}: {status} {code}: {detail}; {_CHECK}", of_target=False)  # a role may lack one type of record
    if status == 409 or code in _COLLIDED:
        return Unavailable(f"{what}: {code}: {detail}; another call changed it at the same time", of_target=False)
    return Rejected(Cause(code, f"{what}: {detail}{_place(reply)}"))


def unsure(reply: HttpReply, what: str, now: datetime) -> Unsure:
    """What a look-up leaves open that was answered with anything but the object or the vendor's 404."""
    reason = f"{what}: look-up answered {reply.status} ({told(reply)[1]})"
    answer = meaning(reply, what, now)
    if isinstance(answer, Unavailable):
        return Unsure(replace(answer, reason=reason))
    return Unsure(Unavailable(reason, seconds_of(reply.headers.get("Retry-After"), now), of_target=not isinstance(answer, Rejected)))


def told(reply: HttpReply) -> tuple[str, str]:
    """(code, detail) of the first error; made of the status where the answer has none."""
    first = _first(reply)
    code, detail = first.get("o:errorCode"), first.get("detail")
    return str(code or f"HTTP_{reply.status}"), str(detail or f"answered {reply.status} without saying why in NetSuite's words")


def kept(exchange: HttpExchange) -> Exchange:
    return Exchange(exchange.request, exchange.request_body, exchange.status, exchange.response_body)


def _first(reply: HttpReply) -> dict[str, object]:
    match reply.json:
        case {"o:errorDetails": [dict() as first, *_]}:
            return first
    return {}


def _place(reply: HttpReply) -> str:
    """The vendor names a place by one of four keys."""
    first = _first(reply)
    place = next((first[key] for key in ("o:errorPath", "o:errorUrl", "o:errorQueryParam", "o:errorHeader") if first.get(key)), None)
    return f" (at {place})" if place else ""
