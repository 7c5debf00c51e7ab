"""What one report makes of a contract: applied, waiting for the contract, a repeat, overtaken, or refused."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.contract_events.domain.approvals import ApprovalPolicy, agreed, merged
from services.contract_events.domain.events import ContractEvent, Kind
from services.contract_events.domain.lineage import (
    Change,
    Lineage,
    folded,
    governing,
    next_revision,
    remember,
    settled,
    with_revision,
)
from services.contract_events.domain.rules import contract_violations, violation
from services.contract_events.domain.terms import amendment_fingerprint, fingerprint
from shared.kernel.cause import Cause
from shared.kernel.contract import Amendment, Approval, Contract, ContractStatus, Revision, RevisionKind


class Verdict(StrEnum):
    APPLIED = "applied"
    PENDING = "pending"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """The lineage after a report. `cause` says why it, or a report that had waited for it, was refused."""

    verdict: Verdict
    lineage: Lineage
    summary: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What a decision may look at beside the report: who has to approve, and the time."""

    policy: ApprovalPolicy
    now: datetime


def take(lineage: Lineage, event: ContractEvent, policy: ApprovalPolicy, now: datetime) -> Step:
    """Apply one report of a source. The lineage is unchanged when the report is a repeat or refused."""
    if event.event_id in lineage.seen:
        return Step(Verdict.DUPLICATE, lineage, f"event {event.event_id} was taken before")
    cause = violation(event)
    if cause is not None:
        return Step(Verdict.REFUSED, lineage, cause.message, cause)
    room = Room(policy, now)
    if event.contract is not None and event.kind is Kind.CONTRACT:
        return _with_pending(_state(lineage, event, event.contract, room), room)
    return _after_the_contract(lineage, event, room)


def _after_the_contract(lineage: Lineage, event: ContractEvent, room: Room) -> Step:
    if lineage.stated is None:
        return _hold(lineage, event, room)
    if lineage.cancelled_at is not None:
        return _overtaken(lineage, event, "the contract is cancelled")
    if event.kind is Kind.AMENDMENT and event.amendment is not None:
        return _amend(lineage, lineage.stated, event, event.amendment, room)
    if event.kind is Kind.APPROVAL and event.approval is not None:
        return _approve(lineage, event, event.approval, room)
    return _cancel(lineage, event, room)


def _state(lineage: Lineage, event: ContractEvent, contract: Contract, room: Room) -> Step:
    if lineage.stated is None or lineage.stated_at is None:
        base = replace(lineage, stated=contract, stated_at=event.occurred_at, contents=(*lineage.contents, fingerprint(contract)))
        return _revised(base, RevisionKind.BASE, event, "contract received", room)
    newer = event.occurred_at > lineage.stated_at
    content = fingerprint(contract)
    standing = {fingerprint(lineage.stated)} | ({fingerprint(lineage.current)} if lineage.current else set())
    if content in standing:
        return _same_terms(lineage, event, contract, room) if newer else _repeat(lineage)
    if event.occurred_at < lineage.stated_at:
        return _overtaken(lineage, event, f"it is of {event.occurred_at.isoformat()}, and a statement of {lineage.stated_at.isoformat()} stands")
    if content in lineage.contents and not newer:
        return _repeat(lineage)
    return _correct(lineage, event, contract, room)


def _same_terms(lineage: Lineage, event: ContractEvent, contract: Contract, room: Room) -> Step:
    """The terms stand as they are; a new status or new approvals are taken over without a new revision."""
    stated = lineage.stated
    assert stated is not None
    revision = next(r for r in governing(lineage) if r.amendment_id is None)
    approvals = merged(revision.approvals, contract.approvals)
    cancelled_at = _standing_cancellation(lineage, event)
    if contract.status is stated.status and approvals == revision.approvals and cancelled_at == lineage.cancelled_at:
        return _repeat(replace(remember(lineage, event.event_id), stated_at=event.occurred_at))
    followed = replace(lineage, stated=replace(stated, status=contract.status), stated_at=event.occurred_at, cancelled_at=cancelled_at)
    return _settled(_decided(followed, revision, approvals), event, f"status is {contract.status.value} at its source", room)


def _correct(lineage: Lineage, event: ContractEvent, contract: Contract, room: Room) -> Step:
    on_top = tuple(change for change in lineage.changes if change.occurred_at > event.occurred_at)
    cause = _unsound(contract, on_top)
    if cause is not None:
        return Step(Verdict.REFUSED, lineage, cause.message, cause)
    if contract.currency != lineage.revisions[-1].value.currency:
        return _refused(
            lineage,
            "currency-mismatch",
            f"a contract in {lineage.revisions[-1].value.currency} was restated in {contract.currency}; cancel it and send a new one",
        )
    corrected = replace(
        lineage,
        stated=contract,
        stated_at=event.occurred_at,
        restated_at=event.occurred_at,
        cancelled_at=_standing_cancellation(lineage, event),
        changes=on_top,
        contents=(*lineage.contents, fingerprint(contract)),
    )
    return _revised(corrected, RevisionKind.CORRECTION, event, "contract restated by its source", room)


def _standing_cancellation(lineage: Lineage, event: ContractEvent) -> datetime | None:
    """A statement that was made before the cancellation, and came after it, revives nothing."""
    cancelled_at = lineage.cancelled_at
    return cancelled_at if cancelled_at is not None and event.occurred_at <= cancelled_at else None


def _amend(lineage: Lineage, stated: Contract, event: ContractEvent, amendment: Amendment, room: Room) -> Step:
    known = next((c for c in lineage.changes if c.amendment.amendment_id == amendment.amendment_id), None)
    content = f"{amendment.amendment_id}:{amendment_fingerprint(amendment)}"
    if content in lineage.contents and not _set_back(known, event, amendment):
        return _repeat(lineage)
    if known is not None and event.occurred_at < known.occurred_at:
        return _overtaken(lineage, event, f"change order {amendment.amendment_id} was reported later with other content")
    if lineage.restated_at is not None and event.occurred_at <= lineage.restated_at:
        return _overtaken(lineage, event, f"the contract was restated on {lineage.restated_at.isoformat()}, with this change order in it")
    if amendment.value_delta.currency != stated.currency:
        return _refused(
            lineage,
            "currency-mismatch",
            f"change order {amendment.amendment_id} is in {amendment.value_delta.currency} and "
            f"its contract in {stated.currency}; send it in {stated.currency}",
        )
    changes = (*(c for c in lineage.changes if c is not known), Change(amendment=amendment, occurred_at=event.occurred_at))
    cause = _unsound(stated, changes)
    if cause is not None:
        return Step(Verdict.REFUSED, lineage, cause.message, cause)
    return _revised(replace(lineage, changes=changes, contents=(*lineage.contents, content)), RevisionKind.AMENDMENT, event, amendment.summary, room)


def _set_back(known: Change | None, event: ContractEvent, amendment: Amendment) -> bool:
    """The change order was corrected since it said this, and now it says this again."""
    return known is not None and event.occurred_at > known.occurred_at and amendment_fingerprint(known.amendment) != amendment_fingerprint(amendment)


def _approve(lineage: Lineage, event: ContractEvent, approval: Approval, room: Room) -> Step:
    revision = _awaiting(lineage, approval.role, room.policy)
    if any(approval in standing.approvals for standing in governing(lineage)):
        return _repeat(lineage)
    decided = _decided(lineage, revision, (*revision.approvals, approval))
    verb = "approved" if approval.decision.value == "APPROVED" else "rejected"
    return _settled(decided, event, f"{approval.role} {verb} revision {revision.number} ({approval.actor})", room)


def _awaiting(lineage: Lineage, role: str, policy: ApprovalPolicy) -> Revision:
    """The oldest revision that waits for `role`; else the latest one that needed it, and the latest of all when none did."""
    standing = governing(lineage)
    assert lineage.stated is not None
    kind = lineage.stated.contract_type
    asked = [revision for revision in standing if role in policy.required(revision, kind)]
    return next((revision for revision in asked if not agreed(revision.approvals, role)), (asked or standing)[-1])


def _decided(lineage: Lineage, revision: Revision, approvals: tuple[Approval, ...]) -> Lineage:
    decided = replace(revision, approvals=approvals)
    return replace(lineage, revisions=tuple(decided if r.number == revision.number else r for r in lineage.revisions))


def _cancel(lineage: Lineage, event: ContractEvent, room: Room) -> Step:
    if lineage.stated_at is not None and event.occurred_at < lineage.stated_at:
        return _overtaken(lineage, event, "the contract was stated anew after it")
    if lineage.current is not None and lineage.current.status is ContractStatus.CANCELLED:
        return _repeat(lineage)
    return _settled(replace(lineage, cancelled_at=event.occurred_at), event, f"cancelled: {event.reason or 'no reason given'}", room)


def _hold(lineage: Lineage, event: ContractEvent, room: Room) -> Step:
    held = settled(replace(remember(lineage, event.event_id), pending=(*lineage.pending, event)), room.policy, room.now)
    return Step(Verdict.PENDING, held, f"{event.kind.value.lower()} came before its contract")


def _with_pending(step: Step, room: Room) -> Step:
    """What waited for the contract is applied after it, oldest first. Reports that do not fit are refused by name, and may be sent again."""
    if step.verdict is not Verdict.APPLIED or not step.lineage.pending:
        return step
    waiting = sorted(step.lineage.pending, key=lambda e: (e.occurred_at, e.event_id))
    lineage, refused = replace(step.lineage, pending=()), dict[str, Cause]()
    for event in waiting:
        taken = _after_the_contract(lineage, event, room)
        lineage = taken.lineage
        if taken.cause is not None:
            refused[event.event_id] = taken.cause
    lineage = replace(lineage, seen=tuple(event_id for event_id in lineage.seen if event_id not in refused))
    return Step(Verdict.APPLIED, lineage, f"{step.summary}, with {len(waiting)} report(s) that had come before it", _of_all(refused))


def _of_all(refused: Mapping[str, Cause]) -> Cause | None:
    """One cause that names every report; the code is the first one's."""
    if not refused:
        return None
    named = "; ".join(f"{cause.message} (event {event_id}, which came before its contract)" for event_id, cause in refused.items())
    return Cause(next(iter(refused.values())).code, named)


def _unsound(stated: Contract, changes: tuple[Change, ...]) -> Cause | None:
    """Why the contract and its change orders do not make a contract together, None when they do."""
    foreign = next((c.amendment for c in changes if c.amendment.value_delta.currency != stated.currency), None)
    if foreign is not None:
        return Cause(
            "currency-mismatch",
            f"change order {foreign.amendment_id} is in {foreign.value_delta.currency}, the contract in {stated.currency}; send both in one currency",
        )
    return next(contract_violations(folded(stated, changes)), None)


def _revised(lineage: Lineage, kind: RevisionKind, event: ContractEvent, summary: str, room: Room) -> Step:
    assert lineage.stated is not None
    after = folded(lineage.stated, lineage.changes)
    return _settled(with_revision(lineage, next_revision(lineage, kind, after, event, summary, room.now)), event, summary, room)


def _settled(lineage: Lineage, event: ContractEvent, summary: str, room: Room) -> Step:
    return Step(Verdict.APPLIED, settled(remember(lineage, event.event_id), room.policy, room.now), summary)


def _repeat(lineage: Lineage) -> Step:
    return Step(Verdict.DUPLICATE, lineage, "it says what is already known")


def _overtaken(lineage: Lineage, event: ContractEvent, why: str) -> Step:
    recorded = replace(remember(lineage, event.event_id), superseded=(*lineage.superseded, event.event_id)[-50:])
    return Step(Verdict.SUPERSEDED, recorded, why)


def _refused(lineage: Lineage, code: str, message: str) -> Step:
    return Step(Verdict.REFUSED, lineage, message, Cause(code, message))
