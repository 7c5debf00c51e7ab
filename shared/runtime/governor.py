"""How fast a target may be called: its published limit, lowered when it throttles, and nothing at all while it is down."""

from dataclasses import dataclass, replace
from enum import StrEnum

from shared.runtime.retry import Backoff, delay_before

FAILURES_TO_OPEN = 5
CUT, CUT_PAUSE = 0.7, 1.0  # one burst of refusals is one piece of news, not many
COOLING = Backoff(first=1.0, limit=30.0)


class Circuit(StrEnum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Pace:
    """Times are seconds on the caller's monotonic clock. `limit` is how many calls at once are right now; `ceiling` what is published."""

    ceiling: int
    limit: float
    failures: int = 0
    opened: int = 0
    open_until: float = 0.0
    cut_at: float = -CUT_PAUSE


def pace_of(concurrency: int) -> Pace:
    return Pace(concurrency, float(concurrency))


def circuit(pace: Pace, now: float) -> Circuit:
    if now < pace.open_until:
        return Circuit.OPEN
    return Circuit.HALF_OPEN if pace.opened else Circuit.CLOSED


def room(pace: Pace, in_use: int, now: float) -> int:
    """How many more calls may start."""
    match circuit(pace, now):
        case Circuit.OPEN:
            return 0
        case Circuit.HALF_OPEN:
            return max(0, 1 - in_use)
        case Circuit.CLOSED:
            return max(0, int(pace.limit) - in_use)


def after_answer(pace: Pace) -> Pace:
    """The target answered as it should, whatever it said: one more call at once for every round without refusal."""
    return replace(pace, failures=0, opened=0, limit=min(pace.ceiling, pace.limit + 1 / max(pace.limit, 1)))


def after_word(pace: Pace, now: float) -> Pace:
    """It is there, and says nothing of how it is: the pace stays as it is, but who tries whether it is back knows now."""
    return replace(pace, failures=0, opened=0) if circuit(pace, now) is Circuit.HALF_OPEN else pace


def after_throttle(pace: Pace, now: float, retry_after: float | None) -> Pace:
    """It refused because of load (429)."""
    until = max(pace.open_until, now + (retry_after or 0.0))
    if now - pace.cut_at < CUT_PAUSE:
        return replace(pace, open_until=until)
    return replace(pace, limit=max(1.0, pace.limit * CUT), cut_at=now, open_until=until)


def after_failure(pace: Pace, now: float, jitter: float, retry_after: float | None) -> Pace:
    """It failed or was not reached; after several in a row nothing is sent for a while, then one call at a time."""
    failures = pace.failures + 1
    if failures < FAILURES_TO_OPEN and not pace.opened:
        return replace(pace, failures=failures, open_until=max(pace.open_until, now + (retry_after or 0.0)))
    if now < pace.open_until:  # answers of calls that were under way when it opened
        return replace(pace, failures=failures)
    opened = pace.opened + 1
    return replace(pace, failures=failures, opened=opened, open_until=now + delay_before(opened, jitter, COOLING, retry_after))
