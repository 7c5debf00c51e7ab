"""Plays the source systems: contracts, change orders, repeats, late master data and poison, with a history of what is known to have arrived."""

import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from confluent_kafka import KafkaError, Message, Producer

from tests.faults.checker.evidence import Fed, Sent

CONTRACTS, ACCOUNTS, MAPPINGS = "source.clm.contract.v1", "source.crm.account.v1", "source.reference.mapping.v1"
INTAKE = {CONTRACTS: "clm", ACCOUNTS: "accounts", MAPPINGS: "mappings"}
UNITS = {"advisory": ("emea", "netsuite-emea", "EUR"), "engineering": ("americas", "netsuite-us", "USD"), "late": ("emea", "netsuite-emea", "EUR")}
POISON = (b"\x00\xff\xff\xff\xfe", b"\x01plain text", b"", b"\x00\x00\x00\x00\x01\x02")
TRIES = 40
AS_THE_DOOR: dict[str, Any] = {"partitioner": "murmur2_random", "delivery.timeout.ms": 60_000}  # a key's poison comes where its events come
REPEATED, EARLY, LATE = "event repeated", "change order before its contract", "customer known late"
UNREADABLE, UNKNOWN_SCHEMA, MIXED = "poison", "unknown schema id", "batch of which a part is refused"
ROWS = {REPEATED: 24, EARLY: 25, UNREADABLE: 26, UNKNOWN_SCHEMA: 27, MIXED: 32, LATE: None}
"""Trouble that the senders themselves make, with its row of the fault matrix."""
_opener = build_opener(ProxyHandler({}))


@dataclass(eq=False)
class Feeder:
    """`doors` are the intakes' base URLs; `bootstrap` is Kafka's own address, as the sources do not go through the proxy."""

    doors: list[str]
    token: str
    bootstrap: str
    rng: random.Random
    history: dict[tuple[str, str, bytes], Fed] = field(default_factory=dict)
    contracts: set[str] = field(default_factory=set)
    spoiled: set[str] = field(default_factory=set)
    late_accounts: set[str] = field(default_factory=set)
    numbers: int = 0
    operations: int = 0
    trouble: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)
    died_of: Exception | None = None

    def __post_init__(self) -> None:
        self.producer = Producer({"bootstrap.servers": self.bootstrap, **AS_THE_DOOR, "enable.idempotence": True, "log_level": 0})

    def master_data(self) -> None:
        """Routes and companies of all units but the late one's, and the first customers."""
        for unit, (region, tenant, _) in UNITS.items():
            self._mapping(f"erp_route:{unit}@{region}", "ERP_ROUTE", {"tenant": tenant})
            if unit != "late":
                self._company(unit)
        for number in range(8):
            self._account(f"ACC-{number}")

    def supply_late(self) -> None:
        self._company("late")
        self.late_accounts = {account for account in sorted(self.late_accounts) if not self._account(account)}

    def run(self, rate: float) -> None:
        """Until `stopping`: `rate` contracts a second, as far as the door keeps up. What ends it sooner is kept."""
        try:
            self._feed(rate)
        except Exception as error:
            self.died_of = error

    def _feed(self, rate: float) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            self.one()
            if self.rng.random() < 0.02:
                self.supply_late()
            self.stopping.wait(max(0.0, 1 / rate - (time.monotonic() - began)))

    def one(self) -> None:
        """One contract and what comes with it."""
        self.numbers += 1
        key, dice = f"FLT-{self.numbers}", self.rng.random()
        unit = self.rng.choice(["advisory", "engineering", "advisory", "engineering", "late"])
        account = f"ACC-{self.rng.randrange(8)}"
        if dice < 0.1:
            account = f"ACC-LATE-{self.numbers}"
            self.late_accounts.add(account)
            self.trouble[LATE] += 1
        lines = [self._contract(key, unit, account)]
        if dice < 0.3:
            place = self.rng.randrange(2)
            lines.insert(place, self._amendment(key, unit, 1))
            self.trouble[EARLY] += place == 0
        if dice > 0.9:
            lines.append(lines[0])
            self.trouble[REPEATED] += 1
        if 0.4 < dice < 0.5:
            lines.append({**self._amendment(key, unit, 9), "unheard_of": "so this line is refused, and the other one is taken"})
            self.trouble[MIXED] += 1
            self._post(CONTRACTS, key, *lines)
        else:
            for line in lines:
                self._post(CONTRACTS, key, line)
        self.contracts.add(key)
        if 0.3 < dice < 0.36:
            self._poison(self.rng.choice([key, f"POISON-{self.numbers}"]))
            self._post(CONTRACTS, key, self._amendment(key, unit, 2))

    def finished(self) -> list[Fed]:
        self.producer.flush(60)
        return list(self.history.values())

    def provisioned(self) -> set[str]:
        """Contracts that lack nothing, once the late master data is supplied."""
        known = {fed.key for fed in self.history.values() if fed.topic == CONTRACTS and fed.outcome is Sent.OK}
        return (self.contracts & known) - self.spoiled

    def _poison(self, key: str) -> None:
        self.spoiled.add(key)
        mark = uuid.uuid4().hex.encode()
        kind = self.rng.choice(POISON)
        value = kind + mark
        self.trouble[UNKNOWN_SCHEMA if kind == POISON[0] else UNREADABLE] += 1

        def told(error: KafkaError | None, message: Message) -> None:
            self._note(CONTRACTS, key, mark, Sent.UNKNOWN if error else Sent.OK)

        self._note(CONTRACTS, key, mark, Sent.UNKNOWN)
        self.producer.produce(CONTRACTS, value, key=key, on_delivery=told)
        self.producer.poll(0)

    def _post(self, topic: str, key: str, *lines: dict[str, Any]) -> bool:
        """One batch, sent again until it is answered: a repeat is the receiver's to recognise. Whether all of it was taken."""
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        for _ in range(TRIES):
            outcomes = self._posted(f"{self.rng.choice(self.doors)}/intake/{INTAKE[topic]}", body, len(lines))
            for line, outcome in zip(lines, outcomes, strict=True):
                self._note(topic, key, line["event_id"].encode(), outcome)
            if Sent.UNKNOWN not in outcomes or self.stopping.wait(0.5):
                return set(outcomes) == {Sent.OK}
        return False

    def _posted(self, url: str, body: bytes, lines: int) -> list[Sent]:
        """What became of each line."""
        self.operations += 1
        request = Request(url, body, {"Authorization": f"Bearer {self.token}"}, method="POST")
        try:
            with _opener.open(request, timeout=15) as answer:
                return [Sent.OK if item["outcome"] == "taken" else Sent.FAILED for item in json.load(answer)["items"]]
        except HTTPError as error:
            return [Sent.FAILED if error.code in (400, 401, 413) else Sent.UNKNOWN] * lines
        except (OSError, HTTPException, ValueError):  # an answer that was cut off is no OSError
            return [Sent.UNKNOWN] * lines

    def _note(self, topic: str, key: str, mark: bytes, outcome: Sent) -> None:
        """What was acknowledged once stays acknowledged."""
        known = self.history.get((topic, key, mark))
        if known is None or known.outcome is not Sent.OK:
            self.history[topic, key, mark] = Fed(topic, key, mark, outcome)

    def _company(self, unit: str) -> None:
        values = {"code": unit, "name": f"Northwind {unit}", "subsidiary": "1"}
        self._mapping(f"legal_entity:{unit}@{UNITS[unit][1]}", "LEGAL_ENTITY", values)

    def _mapping(self, key: str, kind: str, values: dict[str, str]) -> None:
        told = {"key": key, "kind": kind, "effective_from": "2020-01-01", "values": values, "actor": "stewards", "reason": "set-up"}
        self._post(MAPPINGS, key, {**self._head(), **told})

    def _account(self, key: str) -> bool:
        told = {"account_id": key, "name": f"Customer {key}", "address": {"city": "Bonn", "country": "DE"}}
        return self._post(ACCOUNTS, key, {**self._head(), **told})

    def _head(self) -> dict[str, Any]:
        return {"event_id": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)), "occurred_at": "2026-01-05T09:00:00Z", "source": "faults"}

    def _contract(self, key: str, unit: str, account: str) -> dict[str, Any]:
        region, _, currency = UNITS[unit]
        worth = {"amount": f"{self.rng.randrange(1000, 90000)}.00", "currency": currency}
        line = {"line_id": "fixed", "description": "work", "billing_model": "FIXED_FEE", "amount": worth}
        terms = {
            "contract_id": key,
            "contract_type": "SOW",
            "status": "IN_APPROVAL",
            "title": f"Engagement {key}",
            "customer_account_id": account,
            "business_unit": unit,
            "selling_entity": unit,
            "region": region,
            "currency": currency,
            "start_date": "2026-02-01",
            "end_date": "2026-12-31",
            "total_value": worth,
            "payment_terms": "Net 30",
            "revenue_method": "STRAIGHT_LINE",
            "lines": [line],
            "approvals": [_approval("legal"), _approval("finance")],
        }
        return {**self._head(), "contract_id": key, "kind": "CONTRACT", "contract": terms}

    def _amendment(self, key: str, unit: str, number: int) -> dict[str, Any]:
        worth = {"amount": "500.00", "currency": UNITS[unit][2]}
        line = {"line_id": f"A{number}", "description": "more", "billing_model": "FIXED_FEE", "amount": worth}
        body = {
            "amendment_id": f"{key}-A{number}",
            "effective_date": "2026-03-01",
            "summary": "more work",
            "value_delta": worth,
            "lines": [line],
            "approvals": [_approval("finance")],
        }
        return {**self._head(), "contract_id": key, "kind": "AMENDMENT", "amendment": body, "occurred_at": f"2026-01-0{5 + number}T09:00:00Z"}


def _approval(role: str) -> dict[str, str]:
    return {"role": role, "actor": "someone", "decision": "APPROVED", "decided_at": "2026-01-05T09:00:00Z"}
