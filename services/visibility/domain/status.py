"""Where a contract is, folded from what each service last said of it; the order in which topics are read makes no difference.

Each service's part is a join of its records (the latest record, the earliest success, the furthest origins), so that reading them in any
order, or twice, gives the same. Revision rules:

- A stage is reached by any revision and stays reached: a contract that is active stays active while an amendment of it is on its way, and
  the condition tells whether that amendment moves, waits or stopped. `revision` is the newest that the contract itself has.
- What a contract waits for is what each service's latest record says; so an amendment that replaces a wait replaces it here.
- A dead letter stands until its service went past it: until a state change of that service goes back to a later record of the same
  partition (later records of the key are held behind the dead letter), or to the same record at a later time (it was replayed).
- A cancelled contract is closed once no system that took it up still holds it open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from shared.kernel.cause import Cause
from shared.kernel.money import Money

AGREED, VALIDATED, IN_ERP, IN_PSA = "contract_events", "master_data", "erp_provisioning", "psa_sync"
SERVICES = (AGREED, VALIDATED, IN_ERP, IN_PSA)  # in the order of a contract's way
SUCCESS = {AGREED: "APPROVED", VALIDATED: "READY", IN_ERP: "PROVISIONED", IN_PSA: "CONFIRMED"}
REFUSED = "REJECTED"


class Stage(StrEnum):
    IN_APPROVAL = "IN_APPROVAL"
    APPROVED = "APPROVED"
    VALIDATED = "VALIDATED"
    IN_ERP = "IN_ERP"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


_ORDER = {stage: place for place, stage in enumerate(Stage)}


class Condition(StrEnum):
    FLOWING = "FLOWING"
    WAITING = "WAITING"
    DEAD_LETTERED = "DEAD_LETTERED"


STAGE_OF = {AGREED: Stage.APPROVED, VALIDATED: Stage.VALIDATED, IN_ERP: Stage.IN_ERP, IN_PSA: Stage.ACTIVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A record's place in the log, and when it was worked on."""

    topic: str
    partition: int
    offset: int
    at: datetime

    @property
    def lane(self) -> tuple[str, int]:
        return self.topic, self.partition

    def past(self, other: "Point") -> bool:
        return self.lane == other.lane and (self.offset, self.at) > (other.offset, other.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A named key that the contract waits for, whose it is to supply, and since when."""

    key: str
    queue: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """An object that another system holds for the contract."""

    step: str
    target: str
    record_type: str
    external_id: str
    internal_id: str | None = None
    content_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the contract is, in so far as lists and sums need it."""

    title: str
    contract_type: str
    parent_id: str | None
    business_unit: str
    region: str
    customer_account_id: str
    value: Money
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one service said of the contract: its latest record, when it first succeeded, and the input records it got through."""

    service: str
    position: int
    revision: int
    status: str
    at: datetime
    waits: tuple[Wait, ...] = ()
    cause: Cause | None = None
    records: tuple[External, ...] = ()
    tenant: str | None = None
    facts: Facts | None = None
    succeeded_at: datetime | None = None
    reached: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Buried:
    """A dead letter of this contract: the record that failed, in which service, and why."""

    service: str
    failed: Point
    cause: Cause

    @property
    def place(self) -> tuple[str, str, int, int]:
        return self.service, *self.failed.lane, self.failed.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """Everything known of one contract. `seen` counts the records folded in: more is newer."""

    contract_id: str
    seen: int = 0
    reports: Mapping[str, Report] = field(default_factory=dict)
    buried: tuple[Buried, ...] = ()

    @property
    def agreed(self) -> Report | None:
        return self.reports.get(AGREED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where the contract is now. `facts` is None for a contract of which only a dead letter is known."""

    contract_id: str
    revision: int
    stage: Stage
    condition: Condition
    stage_since: datetime
    received_at: datetime
    active_at: datetime | None
    facts: Facts | None
    tenant: str | None
    waits: tuple[Wait, ...]
    cause: Cause | None
    records: tuple[External, ...]


def reported(tracked: Tracked, report: Report) -> Tracked | None:
    """`tracked` with the report folded in; None when its record, or a later one of that service, is already in."""
    known = tracked.reports.get(report.service)
    joined = report if known is None else _join(known, report)
    if joined == known:
        return None
    return replace(tracked, seen=tracked.seen + 1, reports={**tracked.reports, report.service: joined})


def bury(tracked: Tracked, dead: Buried) -> Tracked | None:
    """`tracked` with the dead letter folded in; None when it is in already. A record that failed again counts once, as it failed last."""
    same = [known for known in tracked.buried if known.place == dead.place]
    if any(known.failed.at >= dead.failed.at for known in same):
        return None
    everything = sorted((*(known for known in tracked.buried if known not in same), dead), key=_burial_order)
    return replace(tracked, seen=tracked.seen + 1, buried=tuple(everything))


def status_of(tracked: Tracked) -> Status | None:
    """None while nothing but later services' records were read: the contract itself is on its way here."""
    agreed, standing = tracked.agreed, standing_dead_letters(tracked)
    if agreed is None or agreed.facts is None:
        return _known_by_failure(tracked, standing)
    reached = reached_at(tracked)
    stage = max(reached, key=_ORDER.__getitem__)
    waits = _waits(tracked)
    return Status(
        contract_id=tracked.contract_id,
        revision=agreed.revision,
        stage=stage,
        condition=_condition(tracked, standing, waits),
        stage_since=reached[stage],
        received_at=agreed.facts.received_at,
        active_at=reached.get(Stage.ACTIVE),
        facts=agreed.facts,
        tenant=_tenant(tracked),
        waits=waits,
        cause=_cause(tracked, standing),
        records=_records(tracked),
    )


def reached_at(tracked: Tracked) -> Mapping[Stage, datetime]:
    """When each stage was first reached; a contract begins in approval."""
    agreed = tracked.agreed
    reached = {STAGE_OF[service]: report.succeeded_at for service, report in tracked.reports.items() if report.succeeded_at is not None}
    if agreed is not None and agreed.facts is not None:
        reached[Stage.IN_APPROVAL] = agreed.facts.received_at
    if agreed is not None and agreed.status == "CANCELLED" and (closed := _closed_at(tracked, agreed)) is not None:
        reached[Stage.CLOSED] = closed
    return reached


def standing_dead_letters(tracked: Tracked) -> tuple[Buried, ...]:
    """Dead letters that their service has not gone past, oldest first."""
    return tuple(dead for dead in tracked.buried if not _gone_past(tracked.reports.get(dead.service), dead))


def _join(one: Report, other: Report) -> Report:
    latest = max(one, other, key=lambda report: report.position)
    successes = [report.succeeded_at for report in (one, other) if report.succeeded_at is not None]
    received = [report.facts.received_at for report in (one, other) if report.facts is not None]
    facts = replace(latest.facts, received_at=min(received)) if latest.facts is not None else None
    return replace(latest, facts=facts, succeeded_at=min(successes, default=None), reached=_furthest(*one.reached, *other.reached))


def _furthest(*points: Point) -> tuple[Point, ...]:
    best: dict[tuple[str, int], Point] = {}
    for point in points:
        if point.lane not in best or point.past(best[point.lane]):
            best[point.lane] = point
    return tuple(best[lane] for lane in sorted(best))


def _gone_past(report: Report | None, dead: Buried) -> bool:
    return report is not None and any(point.past(dead.failed) for point in report.reached)


def _burial_order(dead: Buried) -> tuple[datetime, tuple[str, str, int, int]]:
    return dead.failed.at, dead.place


def _closed_at(tracked: Tracked, agreed: Report) -> datetime | None:
    """None while the ERP or the PSA holds the cancelled contract open."""
    holders = [tracked.reports[service] for service in (IN_ERP, IN_PSA) if service in tracked.reports]
    if any(report.status != "CLOSED" for report in holders):
        return None
    return max([agreed.at, *(report.at for report in holders)])


def _waits(tracked: Tracked) -> tuple[Wait, ...]:
    """By key, each since the first service began to wait for it."""
    by_key: dict[str, Wait] = {}
    for service in SERVICES:
        for wait in tracked.reports[service].waits if service in tracked.reports else ():
            known = by_key.get(wait.key)
            by_key[wait.key] = replace(wait, since=min(wait.since, known.since)) if known else wait
    return tuple(by_key[key] for key in sorted(by_key))


def _condition(tracked: Tracked, standing: tuple[Buried, ...], waits: tuple[Wait, ...]) -> Condition:
    if standing or any(report.status == REFUSED for report in tracked.reports.values()):
        return Condition.DEAD_LETTERED
    return Condition.WAITING if waits else Condition.FLOWING


def _cause(tracked: Tracked, standing: tuple[Buried, ...]) -> Cause | None:
    """The oldest standing dead letter's; without one, what the furthest service says."""
    if standing:
        return standing[0].cause
    causes = [tracked.reports[service].cause for service in reversed(SERVICES) if service in tracked.reports]
    return next((cause for cause in causes if cause is not None), None)


def _tenant(tracked: Tracked) -> str | None:
    tenants = [tracked.reports[service].tenant for service in reversed(SERVICES) if service in tracked.reports]
    return next((tenant for tenant in tenants if tenant is not None), None)


def _records(tracked: Tracked) -> tuple[External, ...]:
    """Each object once, as the furthest service that knows it describes it."""
    by_id: dict[tuple[str, str, str], External] = {}
    for service in SERVICES:
        for record in tracked.reports[service].records if service in tracked.reports else ():
            by_id[record.target, record.record_type, record.external_id] = record
    return tuple(by_id[name] for name in sorted(by_id))


def _known_by_failure(tracked: Tracked, standing: tuple[Buried, ...]) -> Status | None:
    if not standing:
        return None
    first = standing[0].failed.at
    return Status(
        contract_id=tracked.contract_id,
        revision=0,
        stage=Stage.IN_APPROVAL,
        condition=Condition.DEAD_LETTERED,
        stage_since=first,
        received_at=first,
        active_at=None,
        facts=None,
        tenant=None,
        waits=(),
        cause=standing[0].cause,
        records=(),
    )
