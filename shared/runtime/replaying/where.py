"""From what a person writes as WHERE to a place in the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.store.rows import Lane


class WhereError(ValueError):
    """A WHERE that names no place; the message says how one is written."""


@dataclass(frozen=True, slots=True)
class Where:
    """Offsets of single lanes, or one moment for all lanes; neither stands for the beginning or the end."""

    offsets: Mapping[Lane, int] = field(default_factory=dict)
    at: datetime | None = None


def read_where(text: str | None, topics: Sequence[str]) -> Where:
    """`[TOPIC/]PARTITION:OFFSET`, several with commas between them, or an ISO 8601 time (UTC unless it says otherwise).

    The topic may be left out where the service reads one only. Raises WhereError.
    """
    if text is None:
        return Where()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Where(dict(_place(part.strip(), topics) for part in text.split(",")))
    return Where(at=moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _place(text: str, topics: Sequence[str]) -> tuple[Lane, int]:
    place, _, offset = text.rpartition(":")
    topic, _, partition = place.rpartition("/")
    if not (offset.isdecimal() and partition.isdecimal()):
        raise WhereError(f"{text!r} is no place: write [TOPIC/]PARTITION:OFFSET, or a time such as 2026-11-23T09:00:00+00:00.")
    if not topic and len(topics) > 1:
        raise WhereError(f"{text!r} could be in any of {', '.join(topics)}: write TOPIC/PARTITION:OFFSET.")
    if topic and topic not in topics:
        raise WhereError(f"{topic} is not read by this service: name one of {', '.join(topics)}.")
    return (topic or topics[0], int(partition)), int(offset)
