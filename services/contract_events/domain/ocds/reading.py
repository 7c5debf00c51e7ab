"""Careful reading of published JSON: what is not of the expected type is as if it were not there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

Node = dict[str, object]

LARGEST = Decimal(10) ** 18  # what fits every ledger; more is a slip of the publisher


def node(parent: Node, key: str) -> Node:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def nodes(parent: Node, key: str) -> tuple[Node, ...]:
    value = parent.get(key)
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def text(parent: Node, *keys: str) -> str | None:
    """The first of `keys` that holds text or a number; a key also stands for its translations (`title` for `title_en`)."""
    return next((found for key in keys for found in _texts(parent, key)), None)


def _texts(parent: Node, key: str) -> Iterator[str]:
    translations = sorted(name for name in parent if name.startswith(f"{key}_"))
    for name in (key, f"{key}_en", *translations):
        value = parent.get(name)
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool) and str(value).strip():
            yield str(value).strip()


def amount(parent: Node, key: str) -> Decimal | None:
    """A finite amount, published as a number or as text."""
    value = parent.get(key)
    try:
        number = Decimal(str(value).strip()) if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and abs(number) < LARGEST else None


def instant(parent: Node, key: str) -> datetime | None:
    """A point in time; one without an offset is taken as UTC."""
    try:
        moment = datetime.fromisoformat(str(parent.get(key) or ""))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(parent: Node, key: str) -> date | None:
    """The calendar day as published, whatever the offset."""
    try:
        return datetime.fromisoformat(str(parent.get(key) or "")).date()
    except ValueError:
        return None


def midnight(of: date, minutes: int = 0) -> datetime:
    return datetime(of.year, of.month, of.day, tzinfo=UTC) + timedelta(minutes=minutes)


def numbered(ids: list[str]) -> list[str]:
    """Each id once: a repeated one gets `#2`, `#3` in its order."""
    seen: dict[str, int] = {}
    unique: list[str] = []
    for key in ids:
        seen[key] = seen.get(key, 0) + 1
        unique.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return unique
