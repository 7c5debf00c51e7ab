"""Dates of a contract: periods, and which dated entry is in force on a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Period:
    """Both days belong to the period."""

    start: date
    end: date

    def holds(self, day: date) -> bool:
        return self.start <= day <= self.end

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


class Dated(Protocol):
    """Anything effective from a day on, until another day or for ever."""

    @property
    def effective_from(self) -> date: ...
    @property
    def effective_to(self) -> date | None: ...


D = TypeVar("D", bound=Dated)


def in_force(entries: Iterable[D], day: date) -> D | None:
    """The entry effective on `day`; of several, the one that began last. None when no entry covers the day."""
    current = [e for e in entries if e.effective_from <= day and (e.effective_to is None or day <= e.effective_to)]
    return max(current, key=lambda e: e.effective_from, default=None)


def ends_after(start: date, days: int) -> date:
    """Last day of a period of `days` days that begins on `start`; a period of no days ends where it begins."""
    return start + timedelta(days=max(days, 1) - 1)
