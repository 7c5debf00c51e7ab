"""A move of the domain in the runtime's words: the call as an intent, the change as a record of erp.provisioning.v1."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime

from services.erp_provisioning.domain.progress import Move, Provisioning, Status, advance
from services.erp_provisioning.domain.steps import Unplannable
from shared.kernel.cause import Cause
from shared.kernel.engagement import Engagement
from shared.kernel.ids import derive
from shared.messages.provisioning import ErpProvisioning
from shared.messages.reshape import reshape
from shared.runtime.decision import Decision, Emit, Intent, WaitFor, applied, dead_letter

TOPIC = "erp.provisioning.v1"
NO_CALL: Mapping[str, object] = {"step": None, "call": None}


def move_on(state: Provisioning, engagement: Engagement, now: datetime, said: str, call: Mapping[str, object] = NO_CALL) -> Decision:
    """The next move of `state`, told as one change. `said` is the summary where nothing ended; `call` has the step and call just answered."""
    try:
        move = advance(state, engagement)
    except Unplannable as problem:
        return _stopped(replace(state, status=Status.REJECTED), engagement, now, Cause(problem.code, str(problem)), call)
    after = move.state
    if after.status is Status.REJECTED and after.refusal is not None:
        return _stopped(after, engagement, now, after.refusal.cause, call)
    told = replace(after, told=after.told + 1)
    return applied(
        told,
        emits=(_change(told, engagement, now, _summary(move, said), call),),
        intents=(Intent(move.send.name, move.send.target, move.send.content),) if move.send else (),
        waits=waits_of(told),
    )


def waits_of(state: Provisioning) -> tuple[WaitFor, ...]:
    """What the contract waits for; every decision that keeps a wait has to say so again."""
    if state.status is not Status.WAITING or state.refusal is None or state.refusal.wait is None:
        return ()
    wait = state.refusal.wait
    return (WaitFor(wait.key, wait.queue, wait.reason, state.contract.total_value if state.contract else None),)


def _stopped(state: Provisioning, engagement: Engagement, now: datetime, cause: Cause, call: Mapping[str, object]) -> Decision:
    told = replace(state, told=state.told + 1)
    change = _change(told, engagement, now, f"stopped: {cause.message}", call, cause)
    return dead_letter(cause, told, emits=(change,))


def _summary(move: Move, said: str) -> str:
    match move.state.status:
        case Status.PROVISIONED:
            return f"revision {move.state.revision} is set up"
        case Status.CLOSED:
            return "taken out of use"
        case Status.WAITING if move.state.refusal and move.state.refusal.wait:
            return f"waits for {move.state.refusal.wait.key}"
        case _:
            return said


def _change(state: Provisioning, engagement: Engagement, now: datetime, summary: str, call: Mapping[str, object], cause: Cause | None = None) -> Emit:
    refusal = state.refusal if state.status is Status.WAITING else None
    cause = cause or (refusal.cause if refusal else None)
    content = {
        "event_id": str(derive(TOPIC, state.contract_id, str(state.told))),
        "occurred_at": now,
        "contract_id": state.contract_id,
        "revision": state.revision,
        "status": state.status,
        "summary": summary,
        **call,
        "records": state.records,
        "contract": state.contract,
        "engagement": engagement,
        "waits": (refusal.wait,) if refusal else (),
        "cause": {**asdict(cause), "fingerprint": cause.fingerprint} if cause else None,
        "origin": state.origin,
    }
    return Emit(TOPIC, state.contract_id, reshape(content, ErpProvisioning))
