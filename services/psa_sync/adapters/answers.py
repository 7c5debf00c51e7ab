"""What Salesforce's answers mean: one table from status and error code to what to do next, and the words of a refusal.

An answer that is not in the vendor's shape is somebody else's, a proxy's or a portal's: it tells nothing of the object, which may have been made.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from shared.kernel.cause import Cause
from shared.runtime.answers import Ambiguous, Answer, Exchange, Rejected, Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import seconds_of


class Unsure(Exception):
    """Looking told neither what is there nor that nothing is; `answer` says to look again later."""

    def __init__(self, answer: Unavailable) -> None:
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Told:
    """The first error of an answer; made of the status where the answer has none, and then `by_vendor` is false."""

    status: int
    code: str
    message: str
    retry_after: float | None = None
    by_vendor: bool = True


def _throttled(what: str, told: Told) -> Answer:
    return Unavailable(_words(what, told), told.retry_after, throttled=True)


def _away(what: str, told: Told) -> Answer:
    """A gateway says the same, and may have passed the call on before."""
    return Unavailable(_words(what, told), told.retry_after) if told.by_vendor else _unknown(what, told)


def _collided(what: str, told: Told) -> Answer:
    return Unavailable(_words(what, told), told.retry_after, of_target=False)


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
    (400, "UNABLE_TO_LOCK_ROW", _collided),  # somebody else writes to the same project at this moment
    (400, "DUPLICATE_VALUE", _collided),  # another call made it at the same moment; the next one finds it
)


def meaning(reply: HttpReply, what: str, now: datetime) -> Answer:
    """The answer that anything but success stands for; `what` names the object, such as `pse__Proj__c P_C-1`."""
    told = told_by(reply, now)
    for status, code, means in MEANINGS:
        if status in (None, told.status) and code in (None, told.code):
            return means(what, told)
    return (_refused if told.by_vendor and 300 <= told.status < 500 else _unknown)(what, told)


def unsure(reply: HttpReply, what: str, now: datetime) -> Unsure:
    """What a look-up leaves open that was answered with anything but the object or the vendor's 404."""
    told, answer = told_by(reply, now), meaning(reply, what, now)
    reason = f"{what}: look-up answered {told.status} ({told.message})"
    if isinstance(answer, Unavailable):
        return Unsure(replace(answer, reason=reason))
    return Unsure(Unavailable(reason, told.retry_after, of_target=not isinstance(answer, Rejected)))


def made(reply: HttpReply) -> bool:
    """A write that was done is answered with the record's id; by releases before 46 with nothing."""
    return reply.status == 204 or (reply.status in (200, 201) and isinstance(reply.json, dict) and "id" in reply.json)


def absent(reply: HttpReply) -> bool:
    """Whether the vendor itself says that nothing is there."""
    return reply.status == 404 and _first(reply) is not None


def told_by(reply: HttpReply, now: datetime) -> Told:
    after, first = seconds_of(reply.headers.get("Retry-After"), now), _first(reply)
    if first is not None:
        return Told(reply.status, *first, after)
    return Told(reply.status, f"HTTP_{reply.status}", f"answered {reply.status} without saying why in Salesforce's words", after, by_vendor=False)


def kept(exchange: HttpExchange) -> Exchange:
    return Exchange(exchange.request, exchange.request_body, exchange.status, exchange.response_body)


def _first(reply: HttpReply) -> tuple[str, str] | None:
    """(code, message) of the first error, None where the answer is not the vendor's."""
    match reply.json:
        case [{"errorCode": str(code), "message": str(message)}, *_]:
            return code, message
        case [str(), *_] as addresses if reply.status == 300:
            return "MULTIPLE_CHOICES", f"{len(addresses)} objects have this key; leave it to one of them"
    return None
