"""What a vendor may say in Retry-After, as a table; and whatever it says, a wait that ends."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.retry_after import LONGEST_S, seconds_of

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        ("1767225600", LONGEST_S),
        ("9" * 5000, LONGEST_S),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30.0),
        ("Wed Oct 21 07:28:30 2026", 30.0),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Thu, 31 Dec 9999 23:59:59 GMT", LONGEST_S),
        ("Wed, 21 Oct 2026 07:28:30 +99999999999999999999", None),
        ("Fri, 31 Feb 2026 07:28:30 GMT", None),
        ("²", None),
        ("٣", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (" ", None),
    ],
)
def test_seconds_and_dates_are_read_within_bounds_and_anything_else_is_not_said(text: str | None, seconds: float | None) -> None:
    assert seconds_of(text, NOW) == seconds


@given(st.text() | st.from_regex(r"(Wed, )?\d+[ -]Oct[ -]\d+ \d+:\d+:\d+ (GMT|[+-]\d+)?", fullmatch=True))
def test_whatever_is_said_the_wait_ends(text: str) -> None:
    asked = seconds_of(text, NOW)
    assert asked is None or 0 <= asked <= LONGEST_S
