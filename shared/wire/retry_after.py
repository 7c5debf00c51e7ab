"""How long a vendor asks to be left alone: the header `Retry-After` of HTTP, as seconds or as a date."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A wait is kept with the call, so that no restart ends it. Who means longer says so again when asked after a quarter of an hour; who wrote
# a moment where seconds belong does not stop a tenant for years.
LONGEST_S = 900.0


def seconds_of(text: str | None, now: datetime) -> float | None:
    """From 0 to LONGEST_S; None where the header is missing or says nothing that HTTP knows. `now` has a time zone."""
    if text is None:
        return None
    asked = float(text) if text.isascii() and text.isdigit() else _until(text, now)
    return None if asked is None else min(max(asked, 0.0), LONGEST_S)


def _until(text: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
