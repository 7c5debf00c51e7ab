"""How far the set-up of one contract is, and its next call: the first object that is not yet as it shall be. One call at a time."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.erp_provisioning.domain.plan import plan
from services.erp_provisioning.domain.steps import RETIRE, Step, retirement
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


class Status(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    PROVISIONED = "PROVISIONED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object that the ERP holds, as last confirmed."""

    step: str
    target: str
    record_type: str
    external_id: str
    internal_id: str | None = None
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """The call that is under way."""

    step: str
    target: str
    record_type: str
    external_id: str
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    key: str
    queue: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The ERP refused this content. With `wait` it may take it once that key is supplied."""

    step: str
    target: str
    content_hash: str
    cause: Cause
    wait: Wait | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The record that the desired state was read from."""

    topic: str
    partition: int
    offset: int
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """State of one contract. `seen`: event ids of the current revision. `told`: how many changes were published, to name the next one by."""

    contract_id: str
    revision: int = 0
    status: Status = Status.IN_PROGRESS
    closing: bool = False
    contract: Contract | None = None
    engagement: Engagement | None = None
    seen: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    in_flight: InFlight | None = None
    refusal: Refusal | None = None
    origin: Origin | None = None
    told: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """The state after a move, and the call that it makes, if any."""

    state: Provisioning
    send: Step | None = None


def advance(state: Provisioning, engagement: Engagement) -> Move:
    """The next move towards the latest revision, `engagement` being the one with the mappings in force. Raises Unplannable."""
    if state.in_flight is not None:
        return Move(replace(state, status=Status.IN_PROGRESS))
    step = next((step for step in wanted(state, engagement) if _differs(state, step)), None)
    if step is None:
        return Move(replace(state, status=Status.CLOSED if state.closing else Status.PROVISIONED, refusal=None))
    if state.refusal is not None and _is_of(state.refusal, step):
        return Move(replace(state, status=Status.WAITING if state.refusal.wait else Status.REJECTED))
    under_way = InFlight(step=step.name, target=step.target, record_type=step.record, external_id=step.external_id, content_hash=step.content_hash)
    return Move(replace(state, status=Status.IN_PROGRESS, in_flight=under_way, refusal=None), step)


def confirmed(state: Provisioning, internal_id: str | None) -> Provisioning:
    """The call under way was carried out."""
    call = _under_way(state)
    record = Record(
        step=call.step,
        target=call.target,
        record_type=call.record_type,
        external_id=call.external_id,
        internal_id=internal_id,
        content_hash=call.content_hash,
    )
    others = tuple(r for r in state.records if (r.target, _part(r.step)) != (record.target, _part(record.step)))
    return replace(state, records=(*others, record), in_flight=None)


def refused(state: Provisioning, cause: Cause, wait: Wait | None) -> Provisioning:
    """The call under way was refused."""
    call = _under_way(state)
    refusal = Refusal(step=call.step, target=call.target, content_hash=call.content_hash, cause=cause, wait=wait)
    return replace(state, in_flight=None, refusal=refusal)


def wanted(state: Provisioning, engagement: Engagement) -> tuple[Step, ...]:
    """The objects that shall exist, then the retirement of those that shall not."""
    if state.contract is None:
        return ()
    if state.closing:
        return tuple(_retired(record) for record in _in_use(state) if record.step == "project")
    steps = plan(state.contract, engagement)
    kept = {(step.target, step.name) for step in steps}
    # Customers are shared with other contracts, so they are never retired from here.
    gone = [r for r in _in_use(state) if (r.target, r.step) not in kept and r.record_type != "customer"]
    return steps + tuple(_retired(record) for record in gone)


def _in_use(state: Provisioning) -> list[Record]:
    return [record for record in state.records if not record.step.startswith(RETIRE)]


def _retired(record: Record) -> Step:
    return retirement(record.step, record.target, record.record_type, record.external_id)


def _differs(state: Provisioning, step: Step) -> bool:
    known = next((r for r in state.records if (r.target, r.step) == (step.target, step.name)), None)
    return known is None or known.content_hash != step.content_hash


def _is_of(refusal: Refusal, step: Step) -> bool:
    return (refusal.step, refusal.target, refusal.content_hash) == (step.name, step.target, step.content_hash)


def _part(step: str) -> str:
    return step.removeprefix(RETIRE)


def _under_way(state: Provisioning) -> InFlight:
    if state.in_flight is None:
        raise ValueError(f"no call of contract {state.contract_id!r} is under way")
    return state.in_flight
