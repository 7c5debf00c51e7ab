"""Contracts and reports to decide about, as short as a test can say them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from services.contract_events.domain.events import ContractEvent, Kind
from services.contract_events.domain.lineage import Lineage
from shared.kernel.contract import (
    Amendment,
    Approval,
    ApprovalDecision,
    BillingModel,
    Contract,
    ContractStatus,
    ContractType,
    Line,
)
from shared.kernel.ids import derive
from shared.kernel.money import Money

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
EMPTY = Lineage(contract_id="C-1")


def eur(amount: str | int) -> Money:
    return Money(Decimal(amount), "EUR")


def at(day: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)


def approval(role: str, day: int = 1, decision: ApprovalDecision = ApprovalDecision.APPROVED) -> Approval:
    return Approval(role=role, actor=f"{role}@firm.example", decision=decision, decided_at=at(day))


BOTH = (approval("legal"), approval("finance"))


def a_contract(**what: object) -> Contract:
    contract = Contract(
        contract_id="C-1",
        contract_type=ContractType.SOW,
        status=ContractStatus.IN_APPROVAL,
        title="Ledger migration",
        customer_account_id="ACC-1",
        business_unit="BU-1",
        region="emea",
        currency="EUR",
        start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31),
        total_value=eur(1000),
        lines=(Line(line_id="1", description="Migration", billing_model=BillingModel.FIXED_FEE, amount=eur(1000)),),
    )
    return replace(contract, **what)  # type: ignore[arg-type]


def an_amendment(amendment_id: str = "AM-1", delta: str | int = 100, **what: object) -> Amendment:
    amendment = Amendment(amendment_id=amendment_id, effective_date=date(2026, 4, 1), summary=f"change order {amendment_id}", value_delta=eur(delta))
    return replace(amendment, **what)  # type: ignore[arg-type]


def stated(contract: Contract | None = None, day: int = 1, event_id: str | None = None) -> ContractEvent:
    body = contract or a_contract()
    return _event(Kind.CONTRACT, day, event_id, contract=body)


def changed(amendment: Amendment | None = None, day: int = 2, event_id: str | None = None) -> ContractEvent:
    return _event(Kind.AMENDMENT, day, event_id, amendment=amendment or an_amendment())


def decided(by: Approval, event_id: str | None = None) -> ContractEvent:
    return _event(Kind.APPROVAL, by.decided_at.toordinal(), event_id, approval=by)


def cancelled(day: int = 5, event_id: str | None = None) -> ContractEvent:
    return _event(Kind.CANCELLATION, day, event_id, reason="customer withdrew")


def _event(kind: Kind, day: int, event_id: str | None, **body: object) -> ContractEvent:
    occurred = at(day) if day < 10_000 else body["approval"].decided_at  # type: ignore[attr-defined]
    return ContractEvent(
        event_id=event_id or str(derive(kind, str(day), str(body))),
        occurred_at=occurred,
        source="clm",
        contract_id="C-1",
        kind=kind,
        **body,  # type: ignore[arg-type]
    )
