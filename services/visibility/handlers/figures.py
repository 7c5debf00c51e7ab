"""Figures of the KPI app: windows and breaches are listed as they come."""

from datetime import datetime

from services.visibility.ports.rows import BreachRow, WindowRow
from shared.kernel.money import Money
from shared.messages import workflow
from shared.runtime.decision import Decision, Known, applied
from shared.runtime.events import Received


def on_kpi_window(state: object, event: Received[workflow.KpiWindow], known: Known, now: datetime) -> Decision:
    told = event.message
    row = WindowRow(
        window_start=told.window_start,
        window_end=told.window_end,
        business_unit=told.business_unit,
        stage=told.stage,
        contracts=told.contracts,
        value=tuple(Money(each.amount, each.currency) for each in told.value),
    )
    return applied(None, rows=(row,))


def on_sla_breach(state: object, event: Received[workflow.SlaBreach], known: Known, now: datetime) -> Decision:
    told = event.message
    row = BreachRow(
        contract_id=told.contract_id,
        stage=told.stage,
        business_unit=told.business_unit,
        since=told.since,
        at=told.occurred_at,
        limit_s=told.limit_s,
        value=Money(told.value.amount, told.value.currency),
        cleared=told.cleared,
    )
    return applied(None, rows=(row,))
