"""The deciders of a contract: a desired state that arrived, a call that was answered, a key that was supplied."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from services.erp_provisioning.domain.mappings import as_mapped, legal_entity_key
from services.erp_provisioning.domain.progress import Origin, Provisioning, Status, Wait, confirmed, refused
from services.erp_provisioning.handlers.telling import move_on, waits_of
from services.erp_provisioning.policy import Cure, cure_of
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement
from shared.messages.engagement import EngagementReady, ReadyStatus
from shared.messages.reshape import reshape
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import Decision, Known, Outcome, applied, dead_letter, duplicate, superseded
from shared.runtime.events import Answered, Received, Woken


def on_engagement_ready(state: Provisioning | None, event: Received[EngagementReady], known: Known, now: datetime) -> Decision:
    """A contract was checked against master data. Only what is ready is set up; what is closed is taken out of use."""
    told = event.message
    if told.contract_id != event.key:
        message = f"the record's key is {event.key!r} and its contract {told.contract_id!r}; key every record by its contract"
        return dead_letter(Cause("key-mismatch", message))
    before = state or Provisioning(contract_id=told.contract_id)
    if told.event_id in before.seen and not _applied_again(before, told):
        return duplicate("this change was read before")
    if told.revision < before.revision:
        return superseded(f"revision {told.revision} came after revision {before.revision}")
    if told.status is ReadyStatus.WAITING:
        return Decision(Outcome.APPLIED, waits=waits_of(before), note="waits for master data")
    after = _desired(before, event)
    if after.engagement is None:
        return applied(after, note="closed before anything was set up")
    said = "to be taken out of use" if after.closing else f"revision {after.revision} is to be set up"
    return move_on(after, _in_force(after, after.engagement, known), now, said)


def on_answered(state: Provisioning, event: Answered, known: Known, now: datetime) -> Decision:
    """A call ended: the object is confirmed, or the refusal is weighed. Then on to the latest revision, which may be newer than the call."""
    call = state.in_flight
    if call is None or (call.step, call.target) != (event.step, event.target) or state.engagement is None or state.contract is None:
        return duplicate(f"{event.step} is not under way")
    engagement = _in_force(state, state.engagement, known)
    match event.answer:
        case Done(internal_id=internal_id):
            return move_on(confirmed(state, internal_id), engagement, now, f"{event.step} is done", _told_call(event, "DONE"))
        case Rejected(cause=cause):
            after = refused(state, cause, _wait(cure_of(cause, state.contract, engagement), now))
            return move_on(after, engagement, now, f"{event.step} was refused, and is outdated", _told_call(event, "REJECTED"))


def on_woken(state: Provisioning, event: Woken, known: Known, now: datetime) -> Decision:
    """The key that a refused contract waits for was supplied: the refused call is made again, with what is known now."""
    refusal = state.refusal
    if refusal is None or refusal.wait is None or refusal.wait.key != event.wait_key or state.engagement is None:
        return duplicate(f"does not wait for {event.wait_key} any more")
    engagement = _in_force(state, state.engagement, known)
    return move_on(replace(state, refusal=None), engagement, now, f"{event.wait_key} was supplied")


def keys_of_record(state: Provisioning | None, event: Received[EngagementReady], known: Known) -> Collection[str]:
    """The mapping of the engagement that arrives, and what the contract waits for."""
    arriving = event.message.engagement
    mapped = {legal_entity_key(reshape(arriving, Engagement))} if arriving else set()
    return mapped | _keys_of_state(state)


def keys_of_news(state: Provisioning | None, event: Answered | Woken, known: Known) -> Collection[str]:
    """What a refusal would wait for is looked at before it waits, so that it is not missed when it comes at the same time."""
    keys = _keys_of_state(state)
    if isinstance(event, Answered) and isinstance(event.answer, Rejected) and state and state.contract and state.engagement:
        cure = cure_of(event.answer.cause, state.contract, state.engagement)
        keys |= {cure.key} if cure else set()
    return keys


def _keys_of_state(state: Provisioning | None) -> set[str]:
    if state is None:
        return set()
    keys = {legal_entity_key(state.engagement)} if state.engagement else set()
    return keys | {wait.key for wait in waits_of(state)}


def _applied_again(state: Provisioning, told: EngagementReady) -> bool:
    """A dead letter that is applied again is the same record."""
    return state.status is Status.REJECTED and state.seen[-1] == told.event_id


def _desired(state: Provisioning, event: Received[EngagementReady]) -> Provisioning:
    told, at = event.message, event.origin
    seen = state.seen if told.revision == state.revision else ()
    return replace(
        state,
        revision=told.revision,
        closing=told.status is ReadyStatus.CLOSED,
        contract=reshape(told.contract, Contract),
        engagement=reshape(told.engagement, Engagement) if told.engagement else state.engagement,
        seen=(*(event_id for event_id in seen if event_id != told.event_id), told.event_id),
        refusal=None if state.status is Status.REJECTED else state.refusal,
        origin=Origin(topic=at.topic, partition=at.partition, offset=at.offset, event_id=told.event_id),
    )


def _in_force(state: Provisioning, engagement: Engagement, known: Known) -> Engagement:
    """Effective dates are read on the contract's first day, so that a contract keeps its company while it runs."""
    assert state.contract is not None
    return as_mapped(engagement, known.get(legal_entity_key(engagement)), state.contract.start_date)


def _wait(cure: Cure | None, now: datetime) -> Wait | None:
    return Wait(key=cure.key, queue=cure.queue, reason=cure.reason, since=now) if cure else None


def _told_call(event: Answered, outcome: str) -> Mapping[str, object]:
    call = {
        "effect_id": event.effect_id,
        "step": event.step,
        "target": event.target,
        "request": event.request,
        "outcome": outcome,
        "attempts": event.attempts,
        "duration_ms": event.duration_ms,
    }
    return {"step": event.step, "call": call}
