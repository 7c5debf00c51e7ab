"""The lineage of a contract: every revision it went through, what stands now, and what it still waits for."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from services.contract_events.domain.approvals import ApprovalPolicy, agreed, rejected
from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.terms import amended
from shared.kernel.contract import Amendment, Contract, ContractStatus, ContractType, Revision, RevisionKind
from shared.kernel.money import Money

REMEMBERED = 200  # event ids kept to recognise repeats; older repeats are still recognised by what they say


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change order that stands on top of the stated contract; `occurred_at` is when its source reported it."""

    amendment: Amendment
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWait:
    """A named key that is missing, whose queue supplies it, and since when."""

    key: str
    queue: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """One contract as far as its sources told.

    `stated` is the contract as last stated whole, `changes` are the change orders on top of it, `current` is both together.
    `restated_at` is set once a later statement took the place of the base: it holds every change order reported before it.
    `pending` are reports that came before the contract itself.
    """

    contract_id: str
    current: Contract | None = None
    stated: Contract | None = None
    stated_at: datetime | None = None
    restated_at: datetime | None = None
    cancelled_at: datetime | None = None
    changes: tuple[Change, ...] = ()
    revisions: tuple[Revision, ...] = ()
    pending: tuple[ContractEvent, ...] = ()
    waits: tuple[OpenWait, ...] = ()
    seen: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()

    @property
    def revision(self) -> int:
        return self.revisions[-1].number if self.revisions else 0


def remember(lineage: Lineage, event_id: str) -> Lineage:
    return replace(lineage, seen=(*lineage.seen, event_id)[-REMEMBERED:])


def with_revision(lineage: Lineage, revision: Revision) -> Lineage:
    return replace(lineage, revisions=(*lineage.revisions, revision))


def next_revision(lineage: Lineage, kind: RevisionKind, after: Contract, event: ContractEvent, summary: str, now: datetime) -> Revision:
    """The step from what stands to `after`; its delta is the difference of the two values, so that deltas always add up."""
    before = lineage.revisions[-1].value if lineage.revisions else Money(Decimal(0), after.currency)
    amendment = event.amendment
    return Revision(
        number=lineage.revision + 1,
        kind=kind,
        amendment_id=amendment.amendment_id if amendment else None,
        effective_date=amendment.effective_date if amendment else after.start_date,
        delta=after.total_value - before,
        value=after.total_value,
        summary=summary,
        approvals=amendment.approvals if amendment else event.contract.approvals if event.contract else (),
        recorded_at=now,
    )


def folded(stated: Contract, changes: tuple[Change, ...]) -> Contract:
    """The stated contract with its change orders on top, in the order they were reported."""
    current = stated
    for change in sorted(changes, key=lambda c: (c.occurred_at, c.amendment.amendment_id)):
        current = amended(current, change.amendment)
    return current


def governing(lineage: Lineage) -> tuple[Revision, ...]:
    """The revisions whose approvals count: the last whole statement, and the last one of each change order on top of it."""
    latest: dict[str | None, Revision] = {}
    for revision in lineage.revisions:
        latest[revision.amendment_id] = revision
    standing = {None} | {change.amendment.amendment_id for change in lineage.changes}
    return tuple(sorted((r for key, r in latest.items() if key in standing), key=lambda r: r.number))


def settled(lineage: Lineage, policy: ApprovalPolicy, now: datetime) -> Lineage:
    """The lineage with its current contract, its status and its waits worked out anew."""
    if lineage.stated is None:
        return replace(lineage, waits=_contract_wait(lineage, now))
    waits = _approval_waits(lineage, lineage.stated.contract_type, policy, now)
    status = _status(lineage, bool(waits))
    approvals = tuple(dict.fromkeys(a for revision in governing(lineage) for a in revision.approvals))
    current = replace(folded(lineage.stated, lineage.changes), status=status, approvals=approvals)
    return replace(lineage, current=current, waits=waits if status is ContractStatus.IN_APPROVAL else ())


def _status(lineage: Lineage, open_approvals: bool) -> ContractStatus:
    stated = lineage.stated.status if lineage.stated else ContractStatus.DRAFT
    if lineage.cancelled_at is not None:
        return ContractStatus.CANCELLED
    if stated in (ContractStatus.DRAFT, ContractStatus.CANCELLED):
        return stated
    return ContractStatus.IN_APPROVAL if open_approvals else ContractStatus.APPROVED


def _approval_waits(lineage: Lineage, contract_type: ContractType, policy: ApprovalPolicy, now: datetime) -> tuple[OpenWait, ...]:
    waits: dict[str, OpenWait] = {}
    for revision in governing(lineage):
        for role in policy.required(revision, contract_type):
            key = f"approval:{lineage.contract_id}/{role}"
            if key not in waits and not agreed(revision.approvals, role):
                waits[key] = OpenWait(key=key, queue=policy.queue(role), reason=_why(revision, role), since=_since(lineage, key, now))
    return tuple(waits.values())


def _why(revision: Revision, role: str) -> str:
    what = f"change order {revision.amendment_id}" if revision.amendment_id else f"revision {revision.number}"
    no = rejected(revision.approvals, role)
    if no is not None:
        return f"{role} rejected {what} on {no.decided_at:%Y-%m-%d} ({no.actor}); a new decision of {role} releases it"
    return f"{what} needs the approval of {role}; send it as an approval event"


def _contract_wait(lineage: Lineage, now: datetime) -> tuple[OpenWait, ...]:
    if not lineage.pending:
        return ()
    key = f"contract:{lineage.contract_id}"
    reason = f"{len(lineage.pending)} report(s) about {lineage.contract_id} came before the contract itself; they are applied when it comes"
    return (OpenWait(key=key, queue="contract operations", reason=reason, since=_since(lineage, key, now)),)


def _since(lineage: Lineage, key: str, now: datetime) -> datetime:
    return next((wait.since for wait in lineage.waits if wait.key == key), now)
