"""What NetSuite's answers mean: a table from status to what to do next, and the words of a refusal."""

from datetime import datetime

from shared.kernel.cause import Cause
from shared.runtime.answers import Ambiguous, Answer, Exchange, Rejected, Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import seconds_of

_BUSY = frozenset({"CONCURRENCY_LIMIT_EXCEEDED", "SSS_REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED"})
# Somebody else changed the same object at the same moment.
_COLLIDED = frozenset({"RCRD_HAS_BEEN_CHANGED", "CUST_RCRD_HAS_BEEN_CHANGED", "RECORD_LOCKED"})


def meaning(reply: HttpReply, what: str, now: datetime) -> Answer:
    """The answer that any status but success stands for; `what` names the object, such as `job P_C-1`."""
    code, detail = told(reply)
    status, after = reply.status, seconds_of(reply.headers.get("Retry-After"), now)
    if status == 429 or code in _BUSY:
        return Unavailable(f"{what}: {detail}", retry_after=after, throttled=True)
    if status in (401, 403):
        return Unavailable(f"{what}: {status} {code}: {detail}; check the integration's role and its certificate in this account")
    if status == 503:
        return Unavailable(f"{what}: 503 {code}: {detail}", retry_after=after)
    if status >= 500:
        return Ambiguous(f"{what}: {status} {code}: {detail}; it may have been done")
    if status == 409 or code in _COLLIDED:
        return Unavailable(f"{what}: {code}: {detail}; another call changed it at the same time")
    return Rejected(Cause(code, f"{what}: {detail}{_place(reply)}"))


def told(reply: HttpReply) -> tuple[str, str]:
    """(code, detail) of the first error; made of the status where the answer has none."""
    first = _first(reply)
    code, detail = first.get("o:errorCode"), first.get("detail")
    return str(code or f"HTTP_{reply.status}"), str(detail or f"answered {reply.status} without saying why")


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
