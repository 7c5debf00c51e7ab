"""Waiting before trying again, as a table of numbers."""

import pytest

from shared.runtime.retry import Backoff, delay_before

BACKOFF = Backoff(first=0.5, limit=60)


@pytest.mark.parametrize(
    ("attempt", "jitter", "retry_after", "seconds"),
    [
        (1, 1.0, None, 0.5),
        (2, 1.0, None, 1.0),
        (5, 1.0, None, 8.0),
        (5, 0.25, None, 2.0),
        (50, 1.0, None, 60.0),
        (10_000, 0.5, None, 30.0),
        (1, 0.01, 7.0, 7.0),
        (9, 1.0, 3.0, 60.0),
    ],
)
def test_the_wait_doubles_up_to_its_limit_is_jittered_and_never_shorter_than_asked(
    attempt: int, jitter: float, retry_after: float | None, seconds: float
) -> None:
    assert delay_before(attempt, jitter, BACKOFF, retry_after) == pytest.approx(seconds)
