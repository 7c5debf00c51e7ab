"""How far the set-up of one contract is, and its next call: the first object that is not yet as it shall be. One call at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.psa_sync.domain.plan import plan, retirement
from services.psa_sync.domain.steps import RETIRE, Step
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


class Status(StrEnum):
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object that another system holds, as last confirmed."""

    step: str
    target: str
    record_type: str
    external_id: str
    internal_id: str | None = None
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    key: str
    queue: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The PSA refused this content. With `wait` it may take it once that key is supplied."""

    step: str
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
class PsaSetup:
    """State of one contract whose ERP part stands. `erp_records` as its ERP told them, `records` ours in the PSA.

    `in_flight` is the record that the call under way will confirm; `told` the hash of what was last published, `said` how often something was.
    """

    revision: int
    closing: bool
    contract: Contract
    engagement: Engagement
    origin: Origin
    status: Status = Status.IN_PROGRESS
    erp_records: tuple[Record, ...] = ()
    records: tuple[Record, ...] = ()
    in_flight: Record | None = None
    refusal: Refusal | None = None
    told: str | None = None
    said: int = 0


@dataclass(frozen=True, slots=True)
class Move:
    """The state after a move, and the call that it makes, if any. `opening`: its object is new, or comes back into use."""

    state: PsaSetup
    send: Step | None = None
    opening: bool = False


def advance(state: PsaSetup, codes: Mapping[str, str], target: str) -> Move:
    """The next move towards the latest revision. `codes`: role to resource code; `target`: the PSA's name."""
    if state.in_flight is not None:
        return Move(replace(state, status=Status.IN_PROGRESS))
    step = next((step for step in _wanted(state, codes) if _differs(state, step)), None)
    if step is None:
        return Move(replace(state, status=Status.CLOSED if state.closing else Status.CONFIRMED, refusal=None))
    if state.refusal is not None and (state.refusal.step, state.refusal.content_hash) == (step.name, step.content_hash):
        return Move(replace(state, status=Status.WAITING if state.refusal.wait else Status.REJECTED))
    under_way = Record(
        step=step.name, target=target, record_type=step.object_name, external_id=step.external_id, content_hash=step.content_hash
    )
    opening = all(record.step != step.name for record in state.records)
    return Move(replace(state, status=Status.IN_PROGRESS, in_flight=under_way, refusal=None), step, opening)


def confirmed(state: PsaSetup, internal_id: str | None) -> PsaSetup:
    """The call under way was carried out; what it retired, or brought back, is one record as before."""
    done = _under_way(state)
    known = next((r for r in state.records if _part(r.step) == _part(done.step)), None)
    record = replace(done, internal_id=internal_id or (known.internal_id if known else None))
    others = tuple(r for r in state.records if r is not known)
    return replace(state, records=(*others, record), in_flight=None)


def refused(state: PsaSetup, cause: Cause, wait: Wait | None) -> PsaSetup:
    """The call under way was refused."""
    call = _under_way(state)
    return replace(state, in_flight=None, refusal=Refusal(step=call.step, content_hash=call.content_hash, cause=cause, wait=wait))


def _wanted(state: PsaSetup, codes: Mapping[str, str]) -> tuple[Step, ...]:
    """The objects that shall exist, then the retirement of those that shall not: what hangs on the project before the project itself."""
    steps = () if state.closing else plan(state.contract, codes)
    kept = {step.name for step in steps}
    gone = [r for r in state.records if not r.step.startswith(RETIRE) and r.step not in kept]
    done = [r for r in state.records if r.step.startswith(RETIRE) and _part(r.step) not in kept]
    return steps + tuple(
        retirement(_part(r.step), r.record_type, r.external_id) for r in sorted([*gone, *done], key=lambda r: (_part(r.step) == "project", r.step))
    )


def _differs(state: PsaSetup, step: Step) -> bool:
    known = next((r for r in state.records if r.step == step.name), None)
    return known is None or known.content_hash != step.content_hash


def _part(step: str) -> str:
    return step.removeprefix(RETIRE)


def _under_way(state: PsaSetup) -> Record:
    if state.in_flight is None:
        raise ValueError(f"no call of contract {state.contract.contract_id!r} is under way")
    return state.in_flight
