"""Contracts, engagements and what a service is told of them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from services.erp_provisioning.domain.progress import Provisioning
from services.erp_provisioning.handlers.deciders import on_answered, on_engagement_ready
from shared.kernel.cause import Cause
from shared.kernel.contract import BillingModel, Contract, ContractStatus, ContractType, Line, Milestone, RevenueMethod
from shared.kernel.engagement import Account, Address, Engagement, LegalEntity
from shared.kernel.money import Money
from shared.messages.engagement import EngagementReady
from shared.messages.reshape import reshape
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import Decision, Intent
from shared.runtime.events import Answered, Coordinates, Received

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANT = "netsuite-emea"
LEGAL_ENTITY_KEY = f"legal_entity:BU-17@{TENANT}"


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def line(line_id: str = "L1", model: BillingModel = BillingModel.FIXED_FEE, amount: str = "1000.00", **what: Any) -> Line:
    return Line(**{"line_id": line_id, "description": f"Work {line_id}", "billing_model": model, "amount": eur(amount), **what})


def milestone(milestone_id: str, **what: Any) -> Milestone:
    return Milestone(**{"milestone_id": milestone_id, "name": f"Reached {milestone_id}", **what})


def contract(*lines: Line, **what: Any) -> Contract:
    """Over the lines' sum, unless `total_value` says otherwise."""
    total = sum((each.amount.amount for each in lines), Decimal(0))
    standard: dict[str, Any] = {
        "contract_id": "SOW-1",
        "contract_type": ContractType.SOW,
        "status": ContractStatus.APPROVED,
        "title": "Data platform",
        "customer_account_id": "ACC-1",
        "business_unit": "BU-17",
        "region": "EMEA",
        "currency": "EUR",
        "start_date": date(2026, 1, 15),
        "end_date": date(2026, 12, 31),
        "total_value": Money(total, "EUR"),
        "lines": lines,
    }
    return Contract(**{**standard, **what})


def account(account_id: str, name: str) -> Account:
    return Account(account_id=account_id, name=name, address=Address(street="Rue Neuve 1", city="Lille", postal_code="59000", country="FR"))


CUSTOMER, PARENT = account("ACC-1", "Nord Énergie SA"), account("ACC-0", "Nord Groupe")


def engagement(subsidiary: str = "3", parent: Account = CUSTOMER, tenant: str = TENANT) -> Engagement:
    entity = LegalEntity(code="FR01", name="Throughline France", subsidiary=subsidiary)
    return Engagement(tenant=tenant, unit_key="BU-17", legal_entity=entity, customer=CUSTOMER, bill_to=CUSTOMER, ultimate_parent=parent)


EVERY_MODEL: Mapping[str, Contract] = {
    "fixed fee": contract(line()),
    "milestones by percent": contract(
        line(model=BillingModel.MILESTONE, amount="100.00"),
        milestones=tuple(milestone(f"M{n}", line_id="L1", percent=Decimal("33.3333")) for n in range(3)),
        revenue_method=RevenueMethod.MILESTONE,
    ),
    "milestones by amount": contract(
        line(model=BillingModel.MILESTONE, amount="500.00"),
        milestones=(
            milestone("M1", line_id="L1", amount=eur("200.00"), due_date=date(2026, 4, 30), accepted_on=date(2026, 5, 4)),
            milestone("M2", line_id="L1", due_date=date(2026, 9, 30)),
        ),
        revenue_method=RevenueMethod.POINT_IN_TIME,
    ),
    "time and materials": contract(
        line(model=BillingModel.TIME_AND_MATERIALS, amount="48000.00", cap=eur("50000.00")),
        not_to_exceed=eur("50000.00"),
        revenue_method=RevenueMethod.PERCENT_COMPLETE,
    ),
    "retainer": contract(line(model=BillingModel.RETAINER, amount="10000.00")),
    "mixed": contract(
        line("L1", BillingModel.FIXED_FEE, "1000.01"),
        line("L2", BillingModel.MILESTONE, "999.99"),
        line("L3", BillingModel.TIME_AND_MATERIALS, "5000.00"),
        line("L4", BillingModel.RETAINER, "700.00", start_date=date(2026, 2, 28), end_date=date(2026, 8, 31)),
        milestones=(milestone("M1", percent=Decimal("10")), milestone("M2", percent=Decimal("20"))),
        revenue_method=RevenueMethod.MILESTONE,
        payment_terms="Net 30",
        purchase_order="PO-4711",
    ),
    "value without lines": contract(total_value=eur("12345.67")),
    "framework agreement": contract(contract_type=ContractType.MSA),
}


class Known(dict[str, Any]):
    """States of other keys."""


def ready(
    revision: int, of: Contract, at: Engagement | None = None, *, status: str = "READY", event_id: str | None = None
) -> Received[EngagementReady]:
    content = {
        "event_id": event_id or f"ready-{revision}",
        "occurred_at": NOW,
        "contract_id": of.contract_id,
        "revision": revision,
        "status": status,
        "summary": "",
        "contract": of,
        "engagement": at or engagement(),
    }
    return Received(of.contract_id, reshape(content, EngagementReady), Coordinates("engagement.ready.v1", 0, revision))


def done(intent: Intent, internal_id: str = "77") -> Answered:
    return Answered("e1", intent.step, intent.target, Done(intent.content["external_id"], internal_id), "PUT /job", 1, 12)


def refusal(intent: Intent, code: str, message: str) -> Answered:
    return Answered("e1", intent.step, intent.target, Rejected(Cause(code, message)), "PUT /job", 1, 12)


def told(decision: Decision) -> Any:
    """The one record that the decision publishes."""
    [emit] = decision.emits
    return emit.message


def state_of(decision: Decision) -> Provisioning:
    assert isinstance(decision.state, Provisioning)
    return decision.state


def set_up(of: Contract, at: Engagement | None = None, revision: int = 1, before: Provisioning | None = None) -> tuple[Provisioning, list[Intent]]:
    """The state after `of` was set up with every call done, and the calls that it took."""
    decision, calls = on_engagement_ready(before, ready(revision, of, at), Known(), NOW), []
    while decision.intents:
        [intent] = decision.intents
        calls.append(intent)
        decision = on_answered(state_of(decision), done(intent), Known(), NOW)
    return state_of(decision), calls
