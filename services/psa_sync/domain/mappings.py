"""Resource codes as mapped: dated entries of one key, and the codes that a contract takes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from shared.kernel.calendar import in_force
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry:
    """The PSA's code of a role, from a day on."""

    effective_from: date
    effective_to: date | None
    code: str
    stated_at: datetime
    event_id: str

    @property
    def stamp(self) -> tuple[datetime, str]:
        """Orders two statements; the event id decides between two of one moment."""
        return self.stated_at, self.event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntries:
    """All entries of one key; of those that begin on one day, the one stated last."""

    entries: tuple[CodeEntry, ...] = ()

    def standing(self, entry: CodeEntry) -> CodeEntry | None:
        return next((known for known in self.entries if known.effective_from == entry.effective_from), None)

    def with_entry(self, entry: CodeEntry) -> "CodeEntries":
        kept = [known for known in self.entries if known.effective_from != entry.effective_from]
        return CodeEntries(entries=tuple(sorted((*kept, entry), key=lambda e: e.effective_from)))


def code_key(role: str, engagement: Engagement) -> str:
    return f"resource_code:{role}@{engagement.tenant}"


def code_keys(contract: Contract, engagement: Engagement) -> Collection[str]:
    return {code_key(rate.role, engagement) for rate in contract.rate_card}


def codes_of(contract: Contract, engagement: Engagement, entries_of: Callable[[str], CodeEntries | None]) -> Mapping[str, str]:
    """Role to code: as mapped by now, on the contract's first day, else as the engagement said. A role that nobody maps is its own code."""
    told = {code.role: code.code for code in engagement.resource_codes}
    roles = {rate.role for rate in contract.rate_card}
    return {role: _mapped(entries_of(code_key(role, engagement)), contract.start_date) or told.get(role, role) for role in roles}


def _mapped(entries: CodeEntries | None, day: date) -> str | None:
    entry = in_force(entries.entries, day) if entries else None
    return entry.code if entry else None
