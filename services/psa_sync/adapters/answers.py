"""What Salesforce's answers mean: one table from status and error code to what to do next, and the words of a refusal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.cause import Cause
from shared.runtime.answers import Ambiguous, Answer, Exchange, Rejected, Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import seconds_of


@dataclass(frozen=True, slots=True)
class Told:
    """The first error of an answer; made of the status where the answer has none."""

    status: int
    code: str
    message: str
    retry_after: float | None = None


def _throttled(what: str, told: Told) -> Answer:
    return Unavailable(_words(what, told), told.retry_after, throttled=True)


def _away(what: str, told: Told) -> Answer:
    return Unavailable(_words(what, told), told.retry_after)


def _not_let_in(what: str, told: Told) -> Answer:
    return Unavailable(f"{_words(what, told)}; check the connected app and its secret")


def _unknown(what: str, told: Told) -> Answer:
    return Ambiguous(f"{_words(what, told)}; it may have been done")


def _refused(what: str, told: Told) -> Answer:
    return Rejected(Cause(told.code, f"{what}: {told.message}"))


def _words(what: str, told: Told) -> str:
    return f"{what}: {told.status} {told.code}: {told.message}"


Meaning = Callable[[str, Told], Answer]

# (status, code), None standing for any; the first line that fits counts.
MEANINGS: tuple[tuple[int | None, str | None, Meaning], ...] = (
    (429, None, _throttled),
    (403, "REQUEST_LIMIT_EXCEEDED", _throttled),
    (401, None, _not_let_in),
    (503, None, _away),
    (400, "UNABLE_TO_LOCK_ROW", _away),  # somebody else writes to the same project at this moment
    (400, "DUPLICATE_VALUE", _away),  # another call made it at the same moment; the next one finds it
)


def meaning(reply: HttpReply, what: str, now: datetime) -> Answer:
    """The answer that any status but success stands for; `what` names the object, such as `pse__Proj__c P_C-1`."""
    told = told_by(reply, now)
    for status, code, means in MEANINGS:
        if status in (None, told.status) and code in (None, told.code):
            return means(what, told)
    return (_unknown if told.status >= 500 else _refused)(what, told)


def told_by(reply: HttpReply, now: datetime) -> Told:
    after = seconds_of(reply.headers.get("Retry-After"), now)
    match reply.json:
        case [{"errorCode": str(code), "message": str(message)}, *_]:
            return Told(reply.status, code, message, after)
    return Told(reply.status, f"HTTP_{reply.status}", f"answered {reply.status} without saying why", after)


def kept(exchange: HttpExchange) -> Exchange:
    return Exchange(exchange.request, exchange.request_body, exchange.status, exchange.response_body)
