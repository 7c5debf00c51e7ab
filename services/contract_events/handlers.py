"""Records of source.clm.contract.v1 in, decisions out: the domain's verdict in the runtime's words."""

from collections.abc import Callable
from datetime import datetime

from services.contract_events.domain.approvals import ApprovalPolicy
from services.contract_events.domain.decide import Step, Verdict, take
from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.lineage import Lineage
from services.contract_events.domain.terms import changed_fields
from shared.kernel.cause import Cause
from shared.kernel.ids import derive
from shared.messages.contract import ContractState
from shared.messages.reshape import reshape
from shared.messages.source import SourceContract
from shared.runtime.decision import Decision, Emit, Known, Outcome, WaitFor
from shared.runtime.events import Received, Woken

STATE_TOPIC = "contract.state.v1"
OUTCOMES = {
    Verdict.APPLIED: Outcome.APPLIED,
    Verdict.PENDING: Outcome.WAITING,
    Verdict.DUPLICATE: Outcome.DUPLICATE,
    Verdict.SUPERSEDED: Outcome.SUPERSEDED,
    Verdict.REFUSED: Outcome.DEAD_LETTERED,
}
ContractDecider = Callable[[Lineage | None, Received[SourceContract], Known, datetime], Decision]


def on_source_contract(policy: ApprovalPolicy) -> ContractDecider:
    """The decider of contract reports under this approval policy."""

    def decide(state: Lineage | None, event: Received[SourceContract], known: Known, now: datetime) -> Decision:
        told = reshape(event.message, ContractEvent)
        if told.contract_id != event.key:
            return _keyed_wrongly(event.key, told.contract_id)
        before = state or Lineage(contract_id=told.contract_id)
        return _decision(before, take(before, told, policy, now), event, now)

    return decide


def on_woken(state: Lineage, event: Woken, known: Known, now: datetime) -> Decision:
    """What this service waits for comes as a report on the contract's own key, and is applied there: nothing is left to do but to go on waiting."""
    return Decision(Outcome.WAITING if state.waits else Outcome.APPLIED, waits=_waits(state), note=f"{event.wait_key} was looked at again")


def _keyed_wrongly(key: str, contract_id: str) -> Decision:
    message = f"the record's key is {key!r} and its contract {contract_id!r}; key every record by its contract, or their order is lost"
    return Decision(Outcome.DEAD_LETTERED, cause=Cause("key-mismatch", message), note=message)


def _decision(before: Lineage, step: Step, event: Received[SourceContract], now: datetime) -> Decision:
    after = step.lineage
    return Decision(
        _outcome(step),
        after if after != before else None,
        emits=_emits(before, step, event, now) if step.verdict is Verdict.APPLIED else (),
        waits=_waits(after),
        cause=step.cause,
        note=step.summary,
    )


def _waits(lineage: Lineage) -> tuple[WaitFor, ...]:
    value = lineage.current.total_value if lineage.current else None
    return tuple(WaitFor(wait.key, wait.queue, wait.reason, value) for wait in lineage.waits)


def _outcome(step: Step) -> Outcome:
    if step.cause is not None:
        return Outcome.DEAD_LETTERED
    return Outcome.WAITING if step.verdict is Verdict.APPLIED and step.lineage.waits else OUTCOMES[step.verdict]


def _emits(before: Lineage, step: Step, event: Received[SourceContract], now: datetime) -> tuple[Emit, ...]:
    after = step.lineage
    assert after.current is not None
    content = {
        "event_id": str(derive(STATE_TOPIC, after.contract_id, event.message.event_id)),
        "occurred_at": now,
        "contract_id": after.contract_id,
        "revision": after.revision,
        "summary": step.summary,
        "changed": changed_fields(before.current, after.current),
        "contract": after.current,
        "lineage": after.revisions,
        "waits": after.waits,
        "cause": None,
        "origin": {
            "topic": event.origin.topic,
            "partition": event.origin.partition,
            "offset": event.origin.offset,
            "event_id": event.message.event_id,
        },
    }
    return (Emit(STATE_TOPIC, after.contract_id, reshape(content, ContractState)),)
