"""Dated entries of one mapping key, and the legal entity that they name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from shared.kernel.calendar import in_force
from shared.kernel.engagement import Engagement, LegalEntity

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a key stands for on the days from `effective_from` to `effective_to`, both included."""

    event_id: str
    effective_from: date
    effective_to: date | None = None
    values: Mapping[str, str]
    stated_at: datetime = LONG_AGO  # states that were kept before this was do not say it

    @property
    def stamp(self) -> tuple[datetime, str]:
        """Orders two statements; the event id decides between two of one moment."""
        return self.stated_at, self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Mappings:
    key: str
    entries: tuple[Entry, ...] = ()


def legal_entity_key(engagement: Engagement) -> str:
    return f"legal_entity:{engagement.unit_key}@{engagement.tenant}"


def standing(mappings: Mappings, entry: Entry) -> Entry | None:
    """The entry that `entry` would take the place of."""
    return next((known for known in mappings.entries if known.effective_from == entry.effective_from), None)


def with_entry(mappings: Mappings, entry: Entry) -> Mappings:
    """An entry replaces the one that began on the same day."""
    others = tuple(e for e in mappings.entries if e.effective_from != entry.effective_from)
    return replace(mappings, entries=(*others, entry))


def as_mapped(engagement: Engagement, mappings: Mappings | None, day: date) -> Engagement:
    """The engagement with the legal entity that the mapping in force on `day` names; unchanged where there is none."""
    entry = in_force(mappings.entries, day) if mappings else None
    if entry is None or not entry.values.get("subsidiary"):
        return engagement
    told, known = entry.values, engagement.legal_entity
    entity = LegalEntity(code=told.get("code", known.code), name=told.get("name", known.name), subsidiary=told["subsidiary"])
    return replace(engagement, legal_entity=entity)
