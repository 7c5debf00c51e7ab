"""Contracts in: engagements that are ready, and the named keys that hold up the others, out."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from services.master_data.domain.assess import Assessment, Library, Rules, assess
from services.master_data.domain.standing import OpenWait, Standing
from services.master_data.policy import NO_TAX, queue_of
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract, ContractStatus
from shared.kernel.engagement import Engagement
from shared.kernel.ids import derive
from shared.messages.contract import ContractState
from shared.messages.engagement import EngagementReady, ReadyStatus
from shared.messages.reshape import reshape
from shared.runtime.book import NotLoaded
from shared.runtime.decision import Decision, Emit, Known, WaitFor, applied, duplicate, superseded
from shared.runtime.events import Received, Woken

READY_TOPIC = "engagement.ready.v1"
ContractEvent = Received[ContractState] | Woken


def on_contract_state(
    state: Standing | None, event: Received[ContractState], known: Known, now: datetime, *, rules: Rules = NO_TAX
) -> Decision:
    """Desire the contract when it is approved or cancelled, and say what it lacks or that it is ready."""
    told = event.message
    if state is not None and told.event_id == state.event_id:
        return duplicate(f"{told.event_id} was taken before")
    if state is not None and told.revision < state.revision:
        return superseded(f"revision {told.revision} came after revision {state.revision}")
    return _settle(_desire(state, told), event, known, now, rules)


def on_woken(state: Standing | None, event: Woken, known: Known, now: datetime, *, rules: Rules = NO_TAX) -> Decision:
    """Look again: a key that this contract waited for was supplied."""
    if state is None:
        return duplicate(f"nothing is known that waits for {event.wait_key}")
    return _settle(state, event, known, now, rules)


def needs(state: Standing | None, event: ContractEvent, known: Known, *, rules: Rules = NO_TAX) -> Collection[str]:
    """The keys that the decision will look at, as far as they can be named from what is loaded."""
    if isinstance(event, Received) and state is not None and event.message.revision < state.revision:
        return ()
    after = _desire(state, event.message) if isinstance(event, Received) else state
    if after is None or after.desired is None or after.desired.status is ContractStatus.CANCELLED:
        return ()
    library = Library(lambda key: _if_loaded(known, key))
    assess(after.desired, library, rules)
    return library.asked


def _if_loaded(known: Known, key: str) -> Any:
    try:
        return known.get(key)
    except NotLoaded:
        return None


def _desire(state: Standing | None, told: ContractState) -> Standing:
    """A revision under approval does not stop the approved one before it; the same revision taken back is desired no more."""
    before = state or Standing(event_id="", revision=0)
    heard = replace(before, event_id=told.event_id, revision=told.revision)
    status = ContractStatus(told.contract.status)
    if status is ContractStatus.CANCELLED or (status is ContractStatus.APPROVED and not told.waits):
        return replace(heard, desired=reshape(told.contract, Contract), desired_revision=told.revision)
    return replace(heard, desired=None) if told.revision == before.desired_revision else heard


def _settle(state: Standing, event: ContractEvent, known: Known, now: datetime, rules: Rules) -> Decision:
    contract = state.desired
    if contract is None:
        return applied(replace(state, waits=()), note=f"revision {state.revision} is not approved; nothing is set up before it is")
    if contract.status is ContractStatus.CANCELLED:
        return _say(replace(state, waits=()), ReadyStatus.CLOSED, contract, None, event, now)
    found = assess(contract, Library(known.get), rules)
    waits = tuple(_wait(state, found, key, now) for key in sorted(found.gaps))
    after = replace(state, waits=waits, engagement=found.engagement or state.engagement)
    return _say(after, ReadyStatus.WAITING if waits else ReadyStatus.READY, contract, found.cause, event, now)


def _wait(state: Standing, found: Assessment, key: str, now: datetime) -> OpenWait:
    since = next((wait.since for wait in state.waits if wait.key == key), now)
    return OpenWait(key=key, queue=queue_of(key), reason=found.gaps[key], since=since)


def _say(
    state: Standing, status: ReadyStatus, contract: Contract, cause: Cause | None, event: ContractEvent, now: datetime
) -> Decision:
    """Publish it unless it was the last thing said; a new revision is always news, for its number is part of what is said."""
    engagement = None if status is ReadyStatus.WAITING else state.engagement
    content = _hash(status, state.desired_revision, contract, engagement, [(wait.key, wait.reason) for wait in state.waits])
    waits = tuple(WaitFor(w.key, w.queue, w.reason, contract.total_value) for w in state.waits)
    summary = _summary(status, state.waits, event)
    if content == state.told:
        return applied(state, waits=waits, note=f"{summary}; said before")
    after = replace(state, told=content, said=state.said + 1)
    return applied(after, emits=(_emit(after, status, contract, engagement, summary, cause, event, now),), waits=waits, note=summary)


def _hash(*content: object) -> str:
    return sha256(msgspec.json.encode(content)).hexdigest()[:32]


def _summary(status: ReadyStatus, waits: tuple[OpenWait, ...], event: ContractEvent) -> str:
    supplied = f"{event.wait_key} was supplied; " if isinstance(event, Woken) else ""
    match status:
        case ReadyStatus.WAITING:
            return f"{supplied}waits for {', '.join(wait.key for wait in waits)}"
        case ReadyStatus.CLOSED:
            return "closed: the contract is cancelled"
        case ReadyStatus.READY:
            return f"{supplied}ready to be set up"


def _emit(
    state: Standing, status: ReadyStatus, contract: Contract, engagement: Engagement | None, summary: str, cause: Cause | None,
    event: ContractEvent, now: datetime,
) -> Emit:
    told = {
        # What was said before may be said again after something else, so the count is part of the identity.
        "event_id": str(derive(READY_TOPIC, contract.contract_id, str(state.said), state.told or "")),
        "occurred_at": now,
        "contract_id": contract.contract_id,
        "revision": state.desired_revision,
        "status": status,
        "summary": summary,
        "contract": contract,
        "engagement": engagement,
        "waits": state.waits,
        "cause": {"code": cause.code, "message": cause.message, "fingerprint": cause.fingerprint} if cause else None,
        "origin": _origin(event),
    }
    return Emit(READY_TOPIC, contract.contract_id, reshape(told, EngagementReady))


def _origin(event: ContractEvent) -> dict[str, object] | None:
    """The record that led here; a supplied key is named in the summary, and its own record in its history."""
    if isinstance(event, Woken):
        return None
    at = event.origin
    return {"topic": at.topic, "partition": at.partition, "offset": at.offset, "event_id": event.message.event_id}
