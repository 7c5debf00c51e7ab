"""master_data in memory: states, waits and wake-ups as its runtime keeps them, and nothing else."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from services.master_data.app import build
from services.master_data.settings import Settings
from shared.messages.common import Money
from shared.messages.contract import Contract, ContractState, ContractStatus, ContractType, Rate
from shared.messages.engagement import Address, EngagementReady
from shared.messages.source import MappingKind, SourceAccount, SourceMapping
from shared.runtime.book import NotLoaded
from shared.runtime.decision import Decider, Decision, Needs, Outcome, Service
from shared.runtime.events import Coordinates, Received, Woken

T0 = datetime(2025, 3, 1, 9, 0, tzinfo=UTC)
Message = ContractState | SourceAccount | SourceMapping
TOPICS = {ContractState: "contract.state.v1", SourceAccount: "source.crm.account.v1", SourceMapping: "source.reference.mapping.v1"}


def service(*tax_tenants: str) -> Service:
    return build(Settings.model_construct(runtime=None, tax_tenants=tax_tenants))


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
    """`feed` decides one record and everyone it wakes; a minute passes with each decision."""

    service: Service = field(default_factory=service)
    states: dict[str, Any] = field(default_factory=dict)
    waits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    emitted: list[EngagementReady] = field(default_factory=list)
    woken: list[tuple[str, str]] = field(default_factory=list)
    decisions: int = 0

    def feed(self, *messages: Message) -> Decision:
        for message in messages:
            decision = self._record(message)
        return decision

    def last(self, contract_id: str) -> EngagementReady:
        return [ready for ready in self.emitted if ready.contract_id == contract_id][-1]

    def _record(self, message: Message) -> Decision:
        topic = TOPICS[type(message)]
        route = next(r for r in self.service.routes if r.topic == topic)
        key = message.key if isinstance(message, SourceMapping) else message.account_id if isinstance(message, SourceAccount) else message.contract_id
        state_key = f"{route.namespace}:{key}" if route.namespace else key
        return self._decide(route.decide, route.needs, state_key, Received(key, message, Coordinates(topic, 0, self.decisions)))

    def _decide(self, decide: Decider, needs: Needs, key: str, event: object) -> Decision:
        state, loaded = self.states.get(key), Loaded(self.states)
        while fresh := set(needs(state, event, loaded)) - loaded.keys:
            loaded.keys |= fresh
        decision = decide(state, event, loaded, T0 + timedelta(minutes=self.decisions))
        self.decisions += 1
        self._keep(key, decision)
        for supplied in decision.supplies:
            for waiter in sorted(k for k, wanted in self.waits.items() if supplied in wanted):
                self.woken.append((supplied, waiter))
                assert self.service.on_woken is not None
                self._decide(self.service.on_woken, self.service.needs, waiter, Woken(supplied))
        return decision

    def _keep(self, key: str, decision: Decision) -> None:
        if decision.state is not None:
            kind = self.service.states.get(key.partition(":")[0], self.service.states[""])
            body = msgspec.json.encode(decision.state)
            self.states[key] = msgspec.json.decode(body, type=kind)  # a state that does not survive its storage is a bug
        if decision.outcome in (Outcome.APPLIED, Outcome.WAITING, Outcome.DEAD_LETTERED):
            self.waits[key] = tuple(wait.key for wait in decision.waits)
        for emit in decision.emits:
            assert isinstance(emit.message, EngagementReady)
            assert emit.key == emit.message.contract_id
            self.emitted.append(emit.message)


def contract(revision: int = 1, *, status: ContractStatus = ContractStatus.APPROVED, event_id: str = "", **other: Any) -> ContractState:
    terms: dict[str, Any] = {
        "contract_id": "C-1", "contract_type": ContractType.SOW, "status": status, "title": "Data platform", "customer_account_id": "ACC-1",
        "business_unit": "BU-17", "region": "emea", "currency": "EUR", "start_date": date(2025, 4, 1), "end_date": date(2025, 12, 31),
        "total_value": Money(amount=Decimal("120000.0000"), currency="EUR"),
    }  # fmt: skip
    waits = other.pop("waits", ())
    body = Contract(**(terms | other))
    event = event_id or f"{body.contract_id}-r{revision}-{status}"
    return ContractState(
        event_id=event, occurred_at=T0, contract_id=body.contract_id, revision=revision, summary="changed", contract=body, waits=waits
    )


def rates(*roles: str) -> tuple[Rate, ...]:
    price = Money(amount=Decimal("180.0000"), currency="EUR")
    return tuple(Rate(role=role, rate=price, unit="HOUR", effective_from=date(2025, 1, 1)) for role in roles)


def account(account_id: str = "ACC-1", *, minute: int = 0, event_id: str = "", **other: Any) -> SourceAccount:
    facts: dict[str, Any] = {"name": f"Customer {account_id}", "address": Address(city="Lyon", country="FR")}
    event = event_id or f"{account_id}-{minute}"
    return SourceAccount(event_id=event, occurred_at=T0 + timedelta(minutes=minute), source="crm", account_id=account_id, **(facts | other))


def mapping(key: str, *, minute: int = 0, since: date = date(2020, 1, 1), until: date | None = None, **values: str) -> SourceMapping:
    kind = MappingKind(key.partition(":")[0].upper())
    return SourceMapping(
        event_id=f"{key}-{since}-{minute}", occurred_at=T0 + timedelta(minutes=minute), source="stewards", key=key, kind=kind,
        effective_from=since, effective_to=until, values=values, actor="steward", reason="set up",
    )  # fmt: skip


def route(region: str = "emea", tenant: str = "netsuite-emea", **other: Any) -> SourceMapping:
    return mapping(f"erp_route:BU-17@{region}", tenant=tenant, **other)


def entity(unit: str = "BU-17", tenant: str = "netsuite-emea", code: str = "FR01", **other: Any) -> SourceMapping:
    return mapping(f"legal_entity:{unit}@{tenant}", code=code, name="Throughline France SAS", subsidiary="7", **other)


def code(role: str, tenant: str = "netsuite-emea", **other: Any) -> SourceMapping:
    return mapping(f"resource_code:{role}@{tenant}", code=role[:3].upper(), **other)


def tax(country: str = "FR", tenant: str = "netsuite-emea") -> SourceMapping:
    return mapping(f"tax:{country}@{tenant}", treatment="STANDARD", tax_code="VAT20")
