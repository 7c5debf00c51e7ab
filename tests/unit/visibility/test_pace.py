"""Windows and clocks, by the times that statuses carry."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from services.visibility.domain.pace import EVERY_UNIT, Clocks, Progress, Tally, Window, windows_of
from shared.kernel.money import Money
from tests.unit.visibility.stories import T0

FIVE, TEN = timedelta(minutes=5), timedelta(minutes=10)
BEGIN = T0.replace(hour=9, minute=10, second=0, microsecond=0)
LONG_AGO = T0 - timedelta(days=1)


def progress(
    name: str = "SOW-1", stage: str = "ACTIVE", since: datetime = T0, active: datetime | None = None, value: str = "10", currency: str = "EUR"
) -> Progress:
    return Progress(
        contract_id=name,
        business_unit="BU-17",
        stage=stage,
        stage_since=since,
        received_at=T0,
        active_at=active,
        value=Money(Decimal(value), currency),
    )


def test_a_tumbling_window_holds_an_arrival_once_for_its_unit_and_once_for_all() -> None:
    assert list(windows_of(progress(), FIVE, FIVE)) == [
        Window(BEGIN, BEGIN + FIVE, "BU-17", "ACTIVE"),
        Window(BEGIN, BEGIN + FIVE, EVERY_UNIT, "ACTIVE"),
    ]


def test_hopping_windows_overlap() -> None:
    starts = {window.start for window in windows_of(progress(), TEN, FIVE)}
    assert starts == {BEGIN, BEGIN - FIVE}


@pytest.mark.parametrize(("seconds", "start"), [(0, BEGIN + FIVE), (-0.000001, BEGIN)])
def test_a_window_holds_its_begin_and_not_its_end(seconds: float, start: datetime) -> None:
    found = next(windows_of(progress(since=BEGIN + FIVE + timedelta(seconds=seconds)), FIVE, FIVE))
    assert found.start == start


def test_a_contract_counts_once_with_the_value_it_has_now() -> None:
    tally = Tally(FIVE, FIVE)
    for value in ("10", "10", "12.50"):
        tally.count(progress(value=value))
    tally.count(progress("SOW-2", value="7", currency="USD"))
    [window, _] = [each for each in tally.take_changed(LONG_AGO) if each.business_unit == EVERY_UNIT] * 2
    assert tally.contracts(window) == 2
    assert tally.value(window) == (Money(Decimal("12.50"), "EUR"), Money(Decimal(7), "USD"))


def test_what_was_taken_is_not_taken_again_until_it_changes() -> None:
    tally = Tally(FIVE, FIVE)
    tally.count(progress())
    assert len(tally.take_changed(LONG_AGO)) == 2
    tally.count(progress())
    assert not tally.take_changed(LONG_AGO)


def test_windows_that_ended_too_long_ago_are_forgotten() -> None:
    tally = Tally(FIVE, FIVE)
    tally.count(progress())
    assert not tally.take_changed(T0 + TEN)
    assert not tally.arrived


def test_a_contract_over_the_limit_is_told_once_and_cleared_when_it_is_active() -> None:
    clocks = Clocks(FIVE)
    clocks.follow(progress(stage="APPROVED"))
    assert not clocks.take_breaches(T0 + FIVE, LONG_AGO)
    late = T0 + FIVE + timedelta(seconds=1)
    [begun] = clocks.take_breaches(late, LONG_AGO)
    assert not begun.cleared
    assert not clocks.take_breaches(late, LONG_AGO)
    clocks.follow(progress(since=T0 + TEN, active=T0 + TEN))
    [ended] = clocks.take_breaches(T0 + TEN, LONG_AGO)
    assert ended.cleared
    assert not clocks.take_breaches(T0 + TEN, LONG_AGO)


def test_a_contract_that_was_late_while_nobody_looked_is_told_as_cleared_after_a_restart() -> None:
    clocks = Clocks(FIVE)
    clocks.follow(progress(since=T0 + TEN, active=T0 + TEN))
    [ended] = clocks.take_breaches(T0 + TEN, LONG_AGO)
    assert ended.cleared


def test_a_contract_active_in_time_never_breaches() -> None:
    clocks = Clocks(FIVE)
    clocks.follow(progress(stage="APPROVED"))
    clocks.follow(progress(since=T0 + timedelta(seconds=3), active=T0 + timedelta(seconds=3)))
    assert not clocks.take_breaches(T0 + TEN, LONG_AGO)
