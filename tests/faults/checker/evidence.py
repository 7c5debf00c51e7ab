"""What a run left behind, as plain data: what was sent, what each service keeps, what the topics hold, what the vendors saw."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Lane = tuple[str, int]  # input topic, partition

OUTPUTS = {
    "contract_events": "contract.state.v1",
    "master_data": "engagement.ready.v1",
    "erp_provisioning": "erp.provisioning.v1",
    "psa_sync": "psa.sync.v1",
    "visibility": "workflow.status.v1",
}
"""Each service's own output; beside it `<service>.dlt.v1` and `<service>.position.v1`."""

INPUTS = {
    "contract_events": ("source.clm.contract.v1",),
    "master_data": ("contract.state.v1", "source.crm.account.v1", "source.reference.mapping.v1"),
    "erp_provisioning": ("engagement.ready.v1", "source.reference.mapping.v1"),
    "psa_sync": ("erp.provisioning.v1", "source.reference.mapping.v1"),
    "visibility": (*list(OUTPUTS.values())[:4], "kpi.window.v1", "sla.breach.v1", *(f"{service}.dlt.v1" for service in OUTPUTS)),
}
"""What each service decides on, each partition of it in a lane."""

LANE, SEQ = "throughline-lane", "throughline-seq"
"""Headers of what a lane publishes."""


def outlets(service: str) -> tuple[str, str]:
    """Where a service publishes: its output, empty for a stranger, and its dead letters."""
    return OUTPUTS.get(service, ""), f"{service}.dlt.v1"


class Sent(StrEnum):
    """What the sender knows. UNKNOWN: no answer came, so it may or may not be there."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fed:
    """One event of the client's history. `mark` is found in the value that carries it."""

    topic: str
    key: str
    mark: bytes
    outcome: Sent


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record that a reader of committed records sees."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class LaneRow:
    topic: str
    part: int
    next: int
    head: int
    epoch: int

    @property
    def lane(self) -> Lane:
        return self.topic, self.part


@dataclass(frozen=True, slots=True)
class JournalRow:
    """`offset` for records, `inbox` for wake-ups and answers; `version` of the state that the batch left, where it wrote one."""

    lane: Lane
    epoch: int
    offset: int | None
    inbox: int | None
    key: str | None
    version: int | None
    outcome: str
    xid: int


@dataclass(frozen=True, slots=True)
class StateRow:
    """`xid`: the transaction that wrote this version of the row."""

    key: str
    version: int
    xid: int


@dataclass(frozen=True, slots=True)
class EffectRow:
    """`system` is the account at the vendor, `record` and `external_id` the object that is wanted."""

    id: str
    key: str
    target: str
    record: str
    external_id: str
    status: str
    round: int
    created: datetime
    ended: datetime | None
    attempts: tuple[str, ...] = ()  # outcomes, oldest first
    only_changes: bool = False  # takes an object out of use; one that is not there is as good
    digest: str = ""  # of what the vendor is to be told


@dataclass(frozen=True, slots=True)
class PutAside:
    """A dead letter or a held record, as the service keeps it. A negative offset: no record led to it."""

    lane: Lane
    offset: int
    key: str | None
    record_key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    xid: int
    code: str = ""
    resolved: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan for dead letters. `hash` binds its items, `again` is the same hash, taken anew from the items as they lie there."""

    id: int
    hash: str
    again: str


@dataclass(frozen=True, slots=True)
class PlanItem:
    """`outcome` is None while it was not decided on again."""

    plan: int
    letter: int
    outcome: str | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    who: str
    why: str
    what: str
    plan: int | None
    plan_hash: str | None
    letter: int | None


@dataclass(frozen=True, slots=True)
class Position:
    """What the relay of a lane wrote beside its records."""

    lane: Lane
    seq: int
    incarnation: str


@dataclass(slots=True)
class Kept:
    """One service's tables. `unpublished` are outbox rows (lane, seq), `inbox` the rows not yet decided on."""

    lanes: list[LaneRow] = field(default_factory=list)
    journal: list[JournalRow] = field(default_factory=list)
    states: list[StateRow] = field(default_factory=list)
    effects: list[EffectRow] = field(default_factory=list)
    dead: list[PutAside] = field(default_factory=list)
    held: list[PutAside] = field(default_factory=list)
    unpublished: list[tuple[Lane, int]] = field(default_factory=list)
    inbox: int = 0
    incarnation: str = ""
    plans: list[PlanRow] = field(default_factory=list)
    items: list[PlanItem] = field(default_factory=list)
    audit: list[AuditRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VendorObject:
    """One object at a vendor, however often it was changed. `account` is empty where the vendor has one only."""

    account: str
    record: str
    internal_id: str
    external_id: str


@dataclass(frozen=True, slots=True)
class VendorWrite:
    """A write that a vendor carried out. `digest` is the vendor's own, of what it was told."""

    account: str
    record: str
    external_id: str
    digest: str


class Heard(StrEnum):
    """What a vendor made of a call about an object: shown what is there, took what it was told, or would not have it."""

    SHOWN = "shown"
    TAKEN = "taken"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class VendorCall:
    """A call about one object, with the digest of what was taken."""

    account: str
    record: str
    external_id: str
    heard: Heard
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a service said when it decided on all of it once more. `differences` are the first of each kind, in words; `apart` counts the keys
    that it did not compare, by the reason."""

    decided: int
    different: int
    differences: tuple[str, ...] = ()
    apart: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class Evidence:
    """`provisioned`: contracts of which the sender knows that nothing is missing, so that each ends with one project.

    `replayed` is the one thing in here that comes from the services' own code: see I4. `written`: topic, lane and sequence of all that was
    published, committed or not. `kept`: writes that a vendor keeps with the object, as one that is killed may lose the call that made it.
    `writes`, `kept` and `calls` are in the order of their vendor.
    """

    fed: list[Fed] = field(default_factory=list)
    services: dict[str, Kept] = field(default_factory=dict)
    records: list[TopicRecord] = field(default_factory=list)
    objects: list[VendorObject] = field(default_factory=list)
    writes: list[VendorWrite] = field(default_factory=list)
    provisioned: set[str] = field(default_factory=set)
    replayed: dict[str, Replayed] = field(default_factory=dict)
    written: set[tuple[str, bytes, bytes]] = field(default_factory=set)
    kept: list[VendorWrite] = field(default_factory=list)
    calls: list[VendorCall] = field(default_factory=list)

    def of_topic(self, topic: str) -> list[TopicRecord]:
        return [record for record in self.records if record.topic == topic]

    def by_place(self) -> dict[tuple[str, int, int], TopicRecord]:
        return {(r.topic, r.partition, r.offset): r for r in self.records}
