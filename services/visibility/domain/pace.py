"""How fast contracts move: how many reached a stage in a window of time, and who takes longer than agreed.

Both are recounted from the statuses themselves, by the times that those carry, so that reading a status again, or all of them after a
restart, gives the same figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from shared.kernel.money import Money

EVERY_UNIT = "*"
OPEN_STAGES = frozenset({"IN_APPROVAL", "APPROVED", "VALIDATED", "IN_ERP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the pace needs of a contract's status."""

    contract_id: str
    business_unit: str
    stage: str
    stage_since: datetime
    received_at: datetime
    active_at: datetime | None
    value: Money


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Begin included, end not."""

    start: datetime
    end: datetime
    business_unit: str
    stage: str


def windows_of(progress: Progress, length: timedelta, hop: timedelta) -> Iterator[Window]:
    """Every window that the arrival falls into, for its unit and for all units. Windows begin at whole hops of the Unix time."""
    start = datetime.fromtimestamp(progress.stage_since.timestamp() // hop.total_seconds() * hop.total_seconds(), UTC)
    while start + length > progress.stage_since:
        for unit in (progress.business_unit, EVERY_UNIT):
            yield Window(start, start + length, unit, progress.stage)
        start -= hop


@dataclass(slots=True)
class Tally:
    """Who reached which stage in which window. A contract counts once in a window, with the value it has now."""

    length: timedelta
    hop: timedelta
    arrived: dict[Window, dict[str, Money]] = field(default_factory=dict)
    changed: set[Window] = field(default_factory=set)

    def count(self, progress: Progress) -> None:
        for window in windows_of(progress, self.length, self.hop):
            inside = self.arrived.setdefault(window, {})
            if inside.get(progress.contract_id) != progress.value:
                inside[progress.contract_id] = progress.value
                self.changed.add(window)

    def take_changed(self, since: datetime) -> list[Window]:
        """Windows that changed and ended after `since`; those that ended before are forgotten."""
        for window in [window for window in self.arrived if window.end <= since]:
            del self.arrived[window]
        taken = sorted(window for window in self.changed if window in self.arrived)
        self.changed.clear()
        return taken

    def contracts(self, window: Window) -> int:
        return len(self.arrived[window])

    def value(self, window: Window) -> tuple[Money, ...]:
        """The sum of each currency."""
        sums: dict[str, Decimal] = {}
        for money in self.arrived[window].values():
            sums[money.currency] = sums.get(money.currency, Decimal(0)) + money.amount
        return tuple(Money(sums[currency], currency) for currency in sorted(sums))


@dataclass(frozen=True, slots=True)
class Breach:
    """`cleared`: it ended after all, late."""

    progress: Progress
    cleared: bool


@dataclass(slots=True)
class Clocks:
    """A clock for every contract, from received until it is active, or closed."""

    limit: timedelta
    running: dict[str, Progress] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    ended_late: dict[str, Progress] = field(default_factory=dict)

    def follow(self, progress: Progress) -> None:
        if progress.active_at is None and progress.stage in OPEN_STAGES:
            self.running[progress.contract_id] = progress
            return
        self.running.pop(progress.contract_id, None)
        if (progress.active_at or progress.stage_since) - progress.received_at > self.limit:
            self.ended_late.setdefault(progress.contract_id, progress)

    def take_breaches(self, now: datetime, since: datetime) -> list[Breach]:
        """Breaches that were not taken before: those that began, and those that ended after `since`."""
        begun = [each for each in self.running.values() if now - each.received_at > self.limit and each.contract_id not in self.told]
        ended = [each for each in self.ended_late.values() if (each.active_at or each.stage_since) > since or each.contract_id in self.told]
        self.told |= {each.contract_id for each in begun}
        self.told -= {each.contract_id for each in ended}
        self.ended_late = {name: each for name, each in self.ended_late.items() if each not in ended}
        return [Breach(each, False) for each in begun] + [Breach(each, True) for each in ended]
