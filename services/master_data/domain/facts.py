"""What sources told: accounts and dated mapping entries. A later statement replaces an earlier one, in whatever order they come."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shared.kernel.calendar import in_force
from shared.kernel.engagement import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account as its CRM last stated it."""

    account: Account
    stated_at: datetime
    event_id: str

    @property
    def stamp(self) -> tuple[datetime, str]:
        """Orders two statements; the event id decides between two of one moment, so that all processes agree."""
        return self.stated_at, self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a mapping key stands for, from a day on. `values` by name, such as tenant or code."""

    effective_from: date
    effective_to: date | None
    values: Mapping[str, str]
    stated_at: datetime
    event_id: str

    @property
    def stamp(self) -> tuple[datetime, str]:
        return self.stated_at, self.event_id

    @property
    def only_for(self) -> str | None:
        """The selling entity that an ERP route is limited to."""
        return self.values.get("legal_entity")

    def replaces(self, other: "Entry") -> bool:
        return (self.effective_from, self.only_for) == (other.effective_from, other.only_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """All entries of one mapping key, by the day they begin."""

    entries: tuple[Entry, ...] = ()

    def standing(self, entry: Entry) -> Entry | None:
        """The entry that `entry` would take the place of."""
        return next((known for known in self.entries if entry.replaces(known)), None)

    def with_entry(self, entry: Entry) -> "Entries":
        kept = [known for known in self.entries if not entry.replaces(known)]
        return Entries(entries=tuple(sorted((*kept, entry), key=lambda e: (e.effective_from, e.only_for or ""))))

    def on(self, day: date, selling_entity: str | None = None) -> Entry | None:
        """The entry in force on `day`; one made for `selling_entity` goes before one for everybody."""
        own = in_force((e for e in self.entries if e.only_for is not None and e.only_for == selling_entity), day)
        return own or in_force((e for e in self.entries if e.only_for is None), day)
