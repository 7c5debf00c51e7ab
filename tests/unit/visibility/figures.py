"""Rows of windows and breaches for tests."""

from datetime import timedelta
from decimal import Decimal

from services.visibility.ports.rows import BreachRow, WindowRow
from shared.kernel.money import Money
from tests.unit.visibility.stories import T0, at


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
