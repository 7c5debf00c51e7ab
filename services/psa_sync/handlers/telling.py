"""A move of the domain in the runtime's words: the call as an intent, the change as a record of psa.sync.v1."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec

from services.psa_sync.domain.progress import Move, PsaSetup, Status
from services.psa_sync.policy import PSA
from shared.kernel.cause import Cause
from shared.kernel.ids import derive
from shared.messages.common import Call
from shared.messages.psa import PsaSync
from shared.messages.reshape import reshape
from shared.runtime.decision import Decision, Emit, Intent, WaitFor, applied, dead_letter

TOPIC = "psa.sync.v1"


@dataclass(frozen=True, slots=True)
class News:
    """Why the state moved: a sentence, and the call that was just answered, if any."""

    said: str
    call: Call | None = None


def decision_of(move: Move, news: News, now: datetime) -> Decision:
    """Publish the move unless it is what was said last, make its call, keep its waits."""
    after, emits = _told(move.state, news, now)
    if after.status is Status.REJECTED and after.refusal is not None:
        return dead_letter(after.refusal.cause, after, emits=emits)
    send = move.send
    intents = (Intent(send.name, PSA, send.content(move.opening)),) if send else ()
    return applied(after, emits=emits, intents=intents, waits=waits_of(after), note=_summary(after, news))


def waits_of(state: PsaSetup) -> tuple[WaitFor, ...]:
    """What the contract waits for; every decision that keeps a wait has to say so again."""
    if state.status is not Status.WAITING or state.refusal is None or state.refusal.wait is None:
        return ()
    wait = state.refusal.wait
    return (WaitFor(wait.key, wait.queue, wait.reason, state.contract.total_value),)


def _told(state: PsaSetup, news: News, now: datetime) -> tuple[PsaSetup, tuple[Emit, ...]]:
    said = [state.revision, state.status, state.contract, state.engagement, state.erp_records, state.records, state.refusal]
    content = sha256(msgspec.json.encode(said)).hexdigest()[:32]
    if content == state.told and news.call is None:  # an answered call is always news
        return state, ()
    after = replace(state, told=content, said=state.said + 1)
    return after, (_emit(after, news, now),)


def _summary(state: PsaSetup, news: News) -> str:
    match state.status:
        case Status.CONFIRMED:
            return f"revision {state.revision} is set up in the PSA" if state.records else f"revision {state.revision} needs no project"
        case Status.CLOSED:
            return "taken out of use in the PSA"
        case Status.WAITING if state.refusal is not None and state.refusal.wait is not None:
            return f"waits for {state.refusal.wait.key}"
        case Status.REJECTED if state.refusal is not None:
            return f"stopped: {state.refusal.cause.message}"
        case _:
            return news.said


def _emit(state: PsaSetup, news: News, now: datetime) -> Emit:
    refusal = state.refusal if state.status in (Status.WAITING, Status.REJECTED) else None
    told = {
        "event_id": str(derive(TOPIC, state.contract.contract_id, str(state.said), state.told or "")),
        "occurred_at": now,
        "contract_id": state.contract.contract_id,
        "revision": state.revision,
        "status": state.status,
        "summary": _summary(state, news),
        "step": news.call.step if news.call else None,
        "records": (*state.erp_records, *state.records),
        "call": news.call,
        "contract": state.contract,
        "engagement": state.engagement,
        "waits": (refusal.wait,) if refusal is not None and refusal.wait is not None else (),
        "cause": _cause(refusal.cause) if refusal is not None else None,
        "origin": state.origin,
    }
    return Emit(TOPIC, state.contract.contract_id, reshape(told, PsaSync))


def _cause(cause: Cause) -> dict[str, str]:
    return {**asdict(cause), "fingerprint": cause.fingerprint}
