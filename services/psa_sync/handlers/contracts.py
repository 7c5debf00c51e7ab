"""The deciders of a contract: its ERP part stands, a call was answered, a resource code was supplied."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from services.psa_sync.domain.mappings import code_keys, codes_of
from services.psa_sync.domain.progress import Origin, PsaSetup, Record, Status, Wait, advance, confirmed, refused
from services.psa_sync.handlers.telling import News, decision_of, waits_of
from services.psa_sync.policy import PSA, cure_of
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement
from shared.messages.common import Call
from shared.messages.provisioning import ErpProvisioning, ProvisioningStatus
from shared.messages.reshape import reshape
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import Decision, Known, Outcome, dead_letter, duplicate, superseded
from shared.runtime.events import Answered, Received, Woken

ACTED_ON = (ProvisioningStatus.PROVISIONED, ProvisioningStatus.CLOSED)


def on_provisioning(state: PsaSetup | None, event: Received[ErpProvisioning], known: Known, now: datetime) -> Decision:
    """Only what stands in the ERP is set up in the PSA; what is closed there is taken out of use."""
    told = event.message
    if told.contract_id != event.key:
        message = f"the record's key is '{event.key}' and its contract '{told.contract_id}'; key every record by its contract"
        return dead_letter(Cause("key-mismatch", message))
    if told.status not in ACTED_ON:
        return Decision(Outcome.APPLIED, waits=waits_of(state) if state else (), note=f"the ERP is at {told.status.value}")
    if state is not None and told.event_id == state.origin.event_id and state.status is not Status.REJECTED:
        return duplicate(f"{told.event_id} was taken before")
    if state is not None and told.revision < state.revision:
        return superseded(f"revision {told.revision} came after revision {state.revision}")
    said = "to be taken out of use" if told.status is ProvisioningStatus.CLOSED else f"revision {told.revision} is to be set up"
    return _move_on(_desired(state, event), known, News(said), now)


def on_answered(state: PsaSetup | None, event: Answered, known: Known, now: datetime) -> Decision:
    """A call ended: its object is confirmed, or the refusal is weighed. Then on to the latest revision, which may be newer than the call."""
    if state is None or state.in_flight is None or state.in_flight.step != event.step:
        return duplicate(f"{event.step} is not under way")
    match event.answer:
        case Done(internal_id=internal_id):
            return _move_on(confirmed(state, internal_id), known, News(f"{event.step} is done", _call(event, "DONE")), now)
        case Rejected(cause=cause):
            after = refused(state, cause, _wait(state, event.step, cause, now))
            return _move_on(after, known, News(f"{event.step} was refused, and is outdated", _call(event, "REJECTED")), now)


def on_woken(state: PsaSetup | None, event: Woken, known: Known, now: datetime) -> Decision:
    """The code that a refused assignment waits for was supplied: it is made with what is known now."""
    refusal = state.refusal if state else None
    if state is None or refusal is None or refusal.wait is None or refusal.wait.key != event.wait_key:
        return duplicate(f"does not wait for {event.wait_key} any more")
    return _move_on(replace(state, refusal=None), known, News(f"{event.wait_key} was supplied"), now)


def keys_of_record(state: PsaSetup | None, event: Received[ErpProvisioning], known: Known) -> Collection[str]:
    """The resource codes of the contract that arrives; nothing for what is not acted on."""
    told = event.message
    if told.status not in ACTED_ON:
        return ()
    return {f"resource_code:{rate.role}@{told.engagement.tenant}" for rate in told.contract.rate_card} | set(keys_of_news(state, None, known))


def keys_of_news(state: PsaSetup | None, event: object, known: Known) -> Collection[str]:
    """The resource codes of the contract as it stands, which are also all that it may come to wait for."""
    return code_keys(state.contract, state.engagement) if state else ()


def _move_on(state: PsaSetup, known: Known, news: News, now: datetime) -> Decision:
    codes = codes_of(state.contract, state.engagement, known.get)
    return decision_of(advance(state, codes, PSA), news, now)


def _desired(state: PsaSetup | None, event: Received[ErpProvisioning]) -> PsaSetup:
    told, at = event.message, event.origin
    fresh = PsaSetup(
        revision=told.revision,
        closing=told.status is ProvisioningStatus.CLOSED,
        contract=reshape(told.contract, Contract),
        engagement=reshape(told.engagement, Engagement),
        origin=Origin(topic=at.topic, partition=at.partition, offset=at.offset, event_id=told.event_id),
        erp_records=tuple(reshape(record, Record) for record in told.records),
    )
    if state is None:
        return fresh
    return replace(
        fresh,
        status=state.status,
        records=state.records,
        in_flight=state.in_flight,
        refusal=None if state.status is Status.REJECTED else state.refusal,
        told=state.told,
        said=state.said,
    )


def _wait(state: PsaSetup, step: str, cause: Cause, now: datetime) -> Wait | None:
    cure = cure_of(step, cause, state.engagement)
    return Wait(key=cure.key, queue=cure.queue, reason=cure.reason, since=now) if cure else None


def _call(event: Answered, outcome: str) -> Call:
    return Call(
        effect_id=event.effect_id,
        step=event.step,
        target=event.target,
        request=event.request,
        outcome=outcome,
        attempts=event.attempts,
        duration_ms=event.duration_ms,
    )
