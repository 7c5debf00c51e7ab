"""Rows and records of windows and breaches for tests."""

from datetime import timedelta
from decimal import Decimal

from services.visibility.ports.rows import BreachRow, WindowRow
from shared.kernel.money import Money
from shared.messages.workflow import KpiWindow, SlaBreach, Stage
from tests.unit.visibility.stories import T0, at, money


def window(contracts: int) -> WindowRow:
    value = (Money(Decimal(contracts), "EUR"),)
    return WindowRow(window_start=T0, window_end=T0 + timedelta(minutes=5), business_unit="*", stage="ACTIVE", contracts=contracts, value=value)


def breach(*, cleared: bool) -> BreachRow:
    return BreachRow(
        contract_id="SOW-1",
        stage="ACTIVE" if cleared else "APPROVED",
        business_unit="BU-17",
        since=T0,
        at=at(1000),
        limit_s=900,
        value=Money(Decimal(5), "EUR"),
        cleared=cleared,
    )


def told_window(unit: str) -> KpiWindow:
    ends = T0 + timedelta(minutes=5)
    return KpiWindow(
        event_id=f"window-{unit}", occurred_at=ends, window_start=T0, window_end=ends, business_unit=unit, stage=Stage.ACTIVE, contracts=1
    )


def told_breach(contract_id: str) -> SlaBreach:
    return SlaBreach(
        event_id=f"breach-{contract_id}",
        occurred_at=at(1000),
        contract_id=contract_id,
        stage=Stage.APPROVED,
        business_unit="BU-17",
        since=T0,
        limit_s=900,
        value=money("5"),
    )
