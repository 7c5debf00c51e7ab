"""How long to wait before trying again: exponential, with full jitter."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """`first` and `limit` in seconds."""

    first: float
    limit: float


AGAIN = Backoff(first=0.1, limit=5.0)
"""For what is ours: Kafka, PostgreSQL, the registry."""


def delay_before(attempt: int, jitter: float, backoff: Backoff, retry_after: float | None = None) -> float:
    """Seconds before attempt number `attempt` + 1; `jitter` in (0, 1] is drawn by the caller. Never sooner than `retry_after` asks."""
    grown = min(backoff.limit, backoff.first * 2.0 ** min(max(attempt, 1) - 1, 30))
    return max(grown * jitter, retry_after or 0.0)
