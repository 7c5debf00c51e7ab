"""Records in, decisions out: the domain's verdict in the runtime's words."""

from dataclasses import replace
from decimal import Decimal

import msgspec

from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.lineage import Lineage
from services.contract_events.handlers import STATE_TOPIC, on_source_contract, on_woken
from services.contract_events.policy import DEFAULT
from shared.kernel.contract import ContractStatus
from shared.messages.contract import ContractState
from shared.messages.reshape import reshape
from shared.messages.source import SourceContract
from shared.runtime.decision import Decision, Outcome
from shared.runtime.events import Coordinates, Received, Woken
from tests.unit.contract_events.examples import BOTH, NOW, a_contract, an_amendment, approval, changed, decided, eur, stated

DECIDE = on_source_contract(DEFAULT)


class Nothing:
    def get(self, key: str) -> None:
        return None


def received(event: ContractEvent, key: str = "C-1") -> Received[SourceContract]:
    return Received(key, reshape(event, SourceContract), Coordinates("source.clm.contract.v1", 2, 41))


def decide(*events: ContractEvent) -> Decision:
    state: Lineage | None = None
    for event in events:
        decision = DECIDE(state, received(event), Nothing(), NOW)
        if isinstance(decision.state, Lineage):
            state = stored_and_loaded(decision.state)
    return decision


def stored_and_loaded(state: Lineage) -> Lineage:
    loaded = msgspec.json.decode(msgspec.json.encode(state), type=Lineage)
    assert loaded == state
    return loaded


def message(decision: Decision) -> ContractState:
    (emit,) = decision.emits
    assert (emit.topic, emit.key) == (STATE_TOPIC, "C-1")
    assert isinstance(emit.message, ContractState)
    return emit.message


def test_a_contract_that_waits_is_published_with_its_waits_and_its_worth() -> None:
    decision = decide(stated())
    assert decision.outcome is Outcome.WAITING
    assert [(w.key, w.queue, w.value) for w in decision.waits] == [
        ("approval:C-1/legal", "legal", eur(1000)),
        ("approval:C-1/finance", "finance", eur(1000)),
    ]
    assert [w.key for w in message(decision).waits] == [w.key for w in decision.waits]


def test_a_change_is_published_whole_with_its_lineage_and_its_origin() -> None:
    state = message(decide(stated(a_contract(approvals=BOTH)), changed(), decided(approval("finance", 6))))
    assert (state.revision, state.contract.status.value, state.contract.total_value.amount) == (2, "APPROVED", Decimal(1100))
    assert [(r.kind.value, r.delta.amount) for r in state.lineage] == [("BASE", Decimal(1000)), ("AMENDMENT", Decimal(100))]
    assert state.changed == ("status", "approvals")
    assert state.origin is not None
    assert (state.origin.partition, state.origin.offset) == (2, 41)


def test_the_same_record_decided_twice_publishes_the_same_event_id() -> None:
    assert message(decide(stated())).event_id == message(decide(stated())).event_id


def test_a_repeat_publishes_nothing() -> None:
    decision = decide(stated(event_id="e"), stated(event_id="e"))
    assert (decision.outcome, decision.emits, decision.state) == (Outcome.DUPLICATE, (), None)


def test_a_report_without_its_contract_is_kept_and_publishes_nothing() -> None:
    decision = decide(changed())
    assert (decision.outcome, decision.emits, decision.waits[0].key) == (Outcome.WAITING, (), "contract:C-1")


def test_waking_a_contract_that_still_waits_leaves_it_waiting() -> None:
    waiting = decide(changed())
    assert isinstance(waiting.state, Lineage)
    woken = on_woken(waiting.state, Woken("contract:C-1"), Nothing(), NOW)
    assert (woken.outcome, woken.state, woken.waits) == (Outcome.WAITING, None, waiting.waits)


def test_a_broken_rule_is_a_dead_letter_and_leaves_the_contract_and_its_waits_as_they_are() -> None:
    decision = decide(stated(), stated(a_contract(total_value=eur(-5)), day=3))
    assert decision.cause is not None
    assert (decision.outcome, decision.cause.code, decision.state) == (Outcome.DEAD_LETTERED, "negative-amount", None)
    assert len(decision.waits) == 2


def test_an_early_report_that_does_not_fit_is_a_dead_letter_and_the_contract_goes_on() -> None:
    dollars = an_amendment(value_delta=replace(eur(1), currency="USD"))
    decision = decide(changed(dollars), stated(a_contract(approvals=BOTH)))
    assert decision.outcome is Outcome.DEAD_LETTERED
    assert message(decision).contract.status.value == ContractStatus.APPROVED.value


def test_a_record_under_a_foreign_key_is_a_dead_letter() -> None:
    decision = DECIDE(None, received(stated(), key="C-9"), Nothing(), NOW)
    assert decision.cause is not None
    assert decision.cause.code == "key-mismatch"
