"""Contracts' stories as the services tell them, for the tests of visibility: messages, and a reader that folds them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.visibility.app import ROUTES
from services.visibility.domain.status import Tracked
from shared.kernel.cause import Cause
from shared.messages import common, contract, engagement, provisioning, psa
from shared.messages.workflow import WorkflowStatus
from shared.runtime.decision import Decision
from shared.runtime.events import Coordinates, RawRecord, Received
from shared.wire.headers import Burial, with_burial

T0 = datetime(2026, 11, 23, 9, 14, 2, 118000, tzinfo=UTC)
NOW = T0 + timedelta(hours=3)
CONTRACT_TOPIC, READY_TOPIC, ERP_TOPIC, PSA_TOPIC = "contract.state.v1", "engagement.ready.v1", "erp.provisioning.v1", "psa.sync.v1"
MAPPING = "legal_entity:BU-17@netsuite-emea"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def money(amount: str, currency: str = "EUR") -> common.Money:
    return common.Money(amount=Decimal(amount), currency=currency)


def wait_on(key: str, seconds: float = 0, queue: str = "master data") -> common.Wait:
    reason = f"No legal entity for BU-17 in netsuite-emea: load a mapping for {key}."
    return common.Wait(key=key, queue=queue, reason=reason, since=at(seconds))


def cause(code: str = "erp-rejected", message: str = "NetSuite refused the project: the posting period is closed.") -> common.Cause:
    return common.Cause(code=code, message=message, fingerprint=Cause(code, message).fingerprint)


def origin(topic: str, offset: int, partition: int = 0) -> common.Origin:
    return common.Origin(topic=topic, partition=partition, offset=offset, event_id=f"{topic}-{offset}")


def text_of(contract_id: str, **other: Any) -> contract.Contract:
    known: dict[str, Any] = {
        "contract_type": contract.ContractType.SOW,
        "parent_id": "MSA-0117",
        "status": contract.ContractStatus.APPROVED,
        "title": "Payments platform, phase 2",
        "customer_account_id": "ACC-1",
        "business_unit": "BU-17",
        "region": "EMEA",
        "currency": "EUR",
        "start_date": date(2026, 1, 1),
        "end_date": date(2027, 6, 30),
        "total_value": money("842500"),
        "revenue_method": contract.RevenueMethod.STRAIGHT_LINE,
    }
    return contract.Contract(contract_id=contract_id, **{**known, **other})


def revision(number: int, delta: str, value: str, seconds: float = 0, currency: str = "EUR") -> contract.Revision:
    return contract.Revision(
        number=number,
        kind=contract.RevisionKind.BASE if number == 1 else contract.RevisionKind.AMENDMENT,
        amendment_id=None if number == 1 else f"CO-{number}",
        effective_date=date(2026, number, 1),
        delta=money(delta, currency),
        value=money(value, currency),
        summary="signed" if number == 1 else f"change order {number}",
        approvals=(
            contract.Approval(role="finance", actor="M. Kern", decision=contract.ApprovalDecision.APPROVED, decided_at=at(seconds)),
            contract.Approval(role="legal", actor="A. Ruiz", decision=contract.ApprovalDecision.APPROVED, decided_at=at(seconds)),
        ),
        recorded_at=at(seconds),
    )


def agreed(contract_id: str, seconds: float = 0, number: int = 1, **other: Any) -> contract.ContractState:
    told = {name: other.pop(name) for name in ("waits", "cause", "origin", "lineage", "summary") if name in other}
    full = text_of(contract_id, **other)
    value = str(full.total_value.amount)
    told.setdefault("lineage", (revision(1, value, value, seconds, full.currency),))
    told.setdefault("summary", f"revision {number} approved")
    return contract.ContractState(
        event_id=f"state-{contract_id}-{seconds}",
        occurred_at=at(seconds),
        contract_id=contract_id,
        revision=number,
        contract=full,
        changed=(),
        **told,
    )


def place(tenant: str = "netsuite-emea") -> engagement.Engagement:
    account = engagement.Account(account_id="ACC-1", name="Nordbank AG")
    group = engagement.Account(account_id="ACC-0", name="Nordbank Group")
    entity = engagement.LegalEntity(code="DE01", name="Meridian Consulting GmbH", subsidiary="12")
    return engagement.Engagement(tenant=tenant, unit_key="BU-17", legal_entity=entity, customer=account, bill_to=account, ultimate_parent=group)


def ready(contract_id: str, seconds: float = 1, number: int = 1, status: str = "READY", **other: Any) -> engagement.EngagementReady:
    return engagement.EngagementReady(
        event_id=f"ready-{contract_id}-{seconds}",
        occurred_at=at(seconds),
        contract_id=contract_id,
        revision=number,
        status=engagement.ReadyStatus(status),
        summary=other.pop("summary", "checked against master data"),
        contract=text_of(contract_id),
        engagement=place() if status == "READY" else None,
        **other,
    )


def held(kind: str, target: str, number: int) -> common.ExternalRecord:
    return common.ExternalRecord(
        step=kind, target=target, record_type=kind, external_id=f"TL-{kind}-{number}", internal_id=str(8800 + number), content_hash="0" * 12
    )


def call(step: str, target: str = "netsuite-emea") -> common.Call:
    request = f"PUT /services/rest/record/v1/{step}/eid:TL-{step}"
    return common.Call(effect_id=f"effect-{step}", step=step, target=target, request=request, outcome="DONE", attempts=1, duration_ms=212)


def erp(contract_id: str, seconds: float = 2, number: int = 1, status: str = "PROVISIONED", **other: Any) -> provisioning.ErpProvisioning:
    return provisioning.ErpProvisioning(
        event_id=f"erp-{contract_id}-{seconds}",
        occurred_at=at(seconds),
        contract_id=contract_id,
        revision=number,
        status=provisioning.ProvisioningStatus(status),
        summary=other.pop("summary", "set up in netsuite-emea"),
        records=other.pop("records", (held("job", "netsuite-emea", 12),)),
        contract=text_of(contract_id),
        engagement=place(),
        **other,
    )


def in_psa(contract_id: str, seconds: float = 3, number: int = 1, status: str = "CONFIRMED", **other: Any) -> psa.PsaSync:
    return psa.PsaSync(
        event_id=f"psa-{contract_id}-{seconds}",
        occurred_at=at(seconds),
        contract_id=contract_id,
        revision=number,
        status=psa.PsaStatus(status),
        summary=other.pop("summary", "confirmed by the PSA"),
        records=other.pop("records", (held("job", "netsuite-emea", 12), held("pse__Proj__c", "psa", 5530))),
        contract=text_of(contract_id),
        engagement=place(),
        **other,
    )


UNKNOWN_SCHEMA = "schema id 4711 is not known to the registry"


def letter(topic: str, offset: int, code: str = "undecodable", message: str = UNKNOWN_SCHEMA, group: str | None = None) -> RawRecord:
    """A dead letter of the record at `topic` partition 0 `offset`, its payload something nobody may see."""
    burial = Burial(
        topic=topic,
        partition=0,
        offset=offset,
        group=group,
        message=message,
        cause=code,
        fingerprint=Cause(code, message).fingerprint,
        attempts=1,
    )
    return RawRecord(value=b"secret payload", headers=dict(with_burial([], burial)))


@dataclass
class Reading:
    """Folds records as the service would: states by key, and every row and status that came of them."""

    states: dict[str, Any] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    rows: list[object] = field(default_factory=list)
    statuses: list[WorkflowStatus] = field(default_factory=list)

    def read(self, topic: str, message: Any, key: str | None = None, offset: int | None = None, now: datetime = NOW) -> Decision:
        route = next(route for route in ROUTES if route.topic == topic)
        key = key if key is not None else message.contract_id
        found = offset if offset is not None else self.offsets.get(topic, 0)
        self.offsets[topic] = max(self.offsets.get(topic, 0), found + 1)
        state_key = f"{route.namespace}:{key}"
        decision = route.decide(self.states.get(state_key), Received(key, message, Coordinates(topic, 0, found)), self, now)
        if decision.state is not None:
            self.states[state_key] = decision.state
        self.rows += decision.rows
        self.statuses += [emit.message for emit in decision.emits if isinstance(emit.message, WorkflowStatus)]
        return decision

    def get(self, key: str) -> Any:
        return self.states.get(key)

    def tracked(self, contract_id: str) -> Tracked:
        found = self.states[f"contract:{contract_id}"]
        assert isinstance(found, Tracked)
        return found


def whole_way(contract_id: str, seconds: float = 0, **other: Any) -> Iterable[tuple[str, Any]]:
    """From agreed to active in three seconds."""
    yield CONTRACT_TOPIC, agreed(contract_id, seconds, **other)
    yield READY_TOPIC, ready(contract_id, seconds + 1, origin=origin(CONTRACT_TOPIC, 0))
    yield ERP_TOPIC, erp(contract_id, seconds + 1.5, status="IN_PROGRESS", step="job", call=call("job"), origin=origin(READY_TOPIC, 0))
    yield ERP_TOPIC, erp(contract_id, seconds + 2, origin=origin(READY_TOPIC, 0))
    yield PSA_TOPIC, in_psa(contract_id, seconds + 3, origin=origin(ERP_TOPIC, 1))
