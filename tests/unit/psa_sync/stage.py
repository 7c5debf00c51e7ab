"""psa_sync in memory: states, waits, wake-ups and one call at a time as its runtime keeps them, and a PSA that answers as told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from services.psa_sync.app import build
from services.psa_sync.settings import Settings
from shared.messages.common import ExternalRecord, Money
from shared.messages.contract import BillingModel, Contract, ContractStatus, ContractType, Line, Milestone, Rate
from shared.messages.engagement import Account, Engagement, LegalEntity, ResourceCode
from shared.messages.provisioning import ErpProvisioning, ProvisioningStatus
from shared.messages.psa import PsaSync
from shared.messages.source import MappingKind, SourceMapping
from shared.runtime.answers import Done, Rejected
from shared.runtime.book import NotLoaded
from shared.runtime.decision import Decider, Decision, Intent, Needs, Outcome, Service
from shared.runtime.events import Answered, Coordinates, Received, Woken

T0 = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
Answering = Callable[[Intent], Done | Rejected]


def taken(intent: Intent) -> Done | Rejected:
    return Done(intent.content["external_id"], f"id-of-{intent.content['external_id']}")


@dataclass
class Loaded:
    """The states that the needs of a decision named; any other is not there to be seen."""

    states: dict[str, Any]
    keys: set[str] = field(default_factory=set)

    def get(self, key: str) -> Any:
        if key not in self.keys:
            raise NotLoaded(key)
        return self.states.get(key)


@dataclass
class Stage:
    """`feed` decides one record; `run` makes the calls that are open and whatever follows from them."""

    service: Service = field(default_factory=lambda: build(Settings.model_construct(runtime=None)))
    states: dict[str, Any] = field(default_factory=dict)
    waits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    emitted: list[PsaSync] = field(default_factory=list)
    open_calls: list[tuple[str, Intent]] = field(default_factory=list)
    sent: list[Intent] = field(default_factory=list)
    decisions: int = 0

    def feed(self, message: ErpProvisioning | SourceMapping) -> Decision:
        if isinstance(message, SourceMapping):
            route, key, state_key = self.service.routes[1], message.key, message.key
        else:
            route, key, state_key = self.service.routes[0], message.contract_id, f"contract:{message.contract_id}"
        return self._decide(route.decide, route.needs, state_key, Received(key, message, Coordinates(route.topic, 0, self.decisions)))

    def run(self, answering: Answering = taken) -> Decision | None:
        last = None
        while self.open_calls:
            key, intent = self.open_calls.pop(0)
            self.sent.append(intent)
            answered = Answered("effect-1", intent.step, intent.target, answering(intent), f"PATCH {intent.content['object']}", 1, 20)
            assert self.service.on_answered is not None
            last = self._decide(self.service.on_answered, self.service.needs, key, answered)
        return last

    @property
    def steps(self) -> list[str]:
        return [intent.step for intent in self.sent]

    @property
    def last(self) -> PsaSync:
        return self.emitted[-1]

    def _decide(self, decide: Decider, needs: Needs, key: str, event: object) -> Decision:
        state, loaded = self.states.get(key), Loaded(self.states)
        while fresh := set(needs(state, event, loaded)) - loaded.keys:
            loaded.keys |= fresh
        decision = decide(state, event, loaded, T0 + timedelta(minutes=self.decisions))
        self.decisions += 1
        self._keep(key, decision)
        for supplied in decision.supplies:
            for waiter in sorted(k for k, wanted in self.waits.items() if supplied in wanted):
                assert self.service.on_woken is not None
                self._decide(self.service.on_woken, self.service.needs, waiter, Woken(supplied))
        return decision

    def _keep(self, key: str, decision: Decision) -> None:
        if decision.state is not None:
            kind = self.service.states.get(key.partition(":")[0], self.service.states[""])
            self.states[key] = msgspec.json.decode(msgspec.json.encode(decision.state), type=kind)
        if decision.outcome in (Outcome.APPLIED, Outcome.WAITING, Outcome.DEAD_LETTERED):
            self.waits[key] = tuple(wait.key for wait in decision.waits)
        self.open_calls += [(key, intent) for intent in decision.intents]
        assert len(self.open_calls) <= 1
        for emit in decision.emits:
            assert isinstance(emit.message, PsaSync)
            self.emitted.append(emit.message)


def money(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


def line(line_id: str = "L1", amount: str = "90000.00", model: BillingModel = BillingModel.MILESTONE) -> Line:
    return Line(line_id=line_id, description=f"Line {line_id}", billing_model=model, amount=money(amount))


def milestone(milestone_id: str, **other: Any) -> Milestone:
    worth: Mapping[str, Any] = {} if "percent" in other else {"amount": money("45000.00")}
    return Milestone(milestone_id=milestone_id, name=f"Milestone {milestone_id}", due_date=date(2025, 6, 30), **{**worth, **other})


def rate(role: str, amount: str = "180.00", unit: str = "HOUR", since: date = date(2025, 1, 1), until: date | None = None) -> Rate:
    return Rate(role=role, rate=money(amount), unit=unit, effective_from=since, effective_to=until)


def contract(**other: Any) -> Contract:
    terms: dict[str, Any] = {
        "contract_id": "C-1", "contract_type": ContractType.SOW, "status": ContractStatus.APPROVED, "title": "Data platform",
        "customer_account_id": "ACC-1", "business_unit": "BU-17", "region": "emea", "currency": "EUR", "start_date": date(2025, 4, 1),
        "end_date": date(2025, 12, 31), "total_value": money("90000.00"), "lines": (line(),),
        "milestones": (milestone("M1"), milestone("M2")), "rate_card": (rate("architect"),),
    }  # fmt: skip
    return Contract(**(terms | other))


ENGAGEMENT = Engagement(
    tenant="netsuite-emea", unit_key="BU-17", legal_entity=LegalEntity(code="FR01", name="Throughline France SAS", subsidiary="7"),
    customer=Account(account_id="ACC-1", name="Customer"), bill_to=Account(account_id="ACC-1", name="Customer"),
    ultimate_parent=Account(account_id="ACC-1", name="Customer"), resource_codes=(ResourceCode(role="architect", code="ARCH"),),
)  # fmt: skip
ERP_PROJECT = ExternalRecord(step="project", target="netsuite-emea", record_type="job", external_id="P_C-1", internal_id="41", content_hash="h")


def provisioned(
    revision: int = 1, status: ProvisioningStatus = ProvisioningStatus.PROVISIONED, event_id: str = "", **terms: Any
) -> ErpProvisioning:
    of = contract(**terms)
    event = event_id or f"{of.contract_id}-{revision}-{status}"
    return ErpProvisioning(
        event_id=event, occurred_at=T0, contract_id=of.contract_id, revision=revision, status=status, summary="set up",
        records=(ERP_PROJECT,), contract=of, engagement=ENGAGEMENT,
    )  # fmt: skip


def code(role: str, value: str, minute: int = 0, key: str | None = None) -> SourceMapping:
    named = key or f"resource_code:{role}@netsuite-emea"
    return SourceMapping(
        event_id=f"{named}-{value}-{minute}", occurred_at=T0 + timedelta(minutes=minute), source="stewards", key=named,
        kind=MappingKind.RESOURCE_CODE, effective_from=date(2020, 1, 1), values={"code": value} if value else {}, actor="steward", reason="set up",
    )  # fmt: skip
