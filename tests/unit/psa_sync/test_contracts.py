"""What stands in the ERP is set up in the PSA one object at a time, and only what differs is touched again."""

from datetime import timedelta

import pytest

from shared.kernel.cause import Cause
from shared.messages.contract import ContractType
from shared.messages.provisioning import ProvisioningStatus
from shared.messages.psa import PsaStatus
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import Intent, Outcome
from tests.unit.psa_sync.stage import T0, Answering, Stage, code, line, milestone, money, provisioned, rate, taken

ALL = ["project", "milestone:M1", "milestone:M2", "assignment:architect"]
NO_SUCH_RESOURCE = Cause(
    "INVALID_FIELD", "pse__Assignment__c A: Foreign key external ID: ARCH not found for field Throughline_Key__c in entity Contact"
)


def refusing(step: str, cause: Cause = NO_SUCH_RESOURCE, code_is: str = "ARCH") -> Answering:
    def answer(intent: Intent) -> Done | Rejected:
        resource = intent.content["fields"].get("pse__Resource__r", {}).get("Throughline_Key__c", code_is)
        return Rejected(cause) if intent.step == step and resource == code_is else taken(intent)

    return answer


@pytest.fixture
def confirmed() -> Stage:
    stage = Stage()
    stage.feed(provisioned())
    stage.run()
    stage.sent.clear()
    return stage


def test_project_milestones_and_assignments_are_made_one_after_the_other_then_confirmed() -> None:
    stage = Stage()
    stage.feed(provisioned())
    assert len(stage.open_calls) == 1
    stage.run()
    assert stage.steps == ALL
    statuses = [told.status for told in stage.emitted]
    assert statuses == [PsaStatus.IN_PROGRESS] * 4 + [PsaStatus.CONFIRMED]
    assert [told.step for told in stage.emitted] == [None, *ALL]
    assert all(told.call is not None and told.call.outcome == "DONE" for told in stage.emitted[1:])
    first_two = [(r.target, r.step, r.internal_id) for r in stage.last.records][:2]
    assert first_two == [("netsuite-emea", "project", "41"), ("psa", "project", "id-of-P_C-1")]
    assert len(stage.last.records) == 5
    assert len({told.event_id for told in stage.emitted}) == 5


def test_what_is_not_provisioned_yet_leaves_all_as_it_is() -> None:
    stage = Stage()
    for status in (ProvisioningStatus.IN_PROGRESS, ProvisioningStatus.WAITING, ProvisioningStatus.REJECTED):
        decision = stage.feed(provisioned(status=status))
        assert (decision.outcome, decision.state, decision.intents) == (Outcome.APPLIED, None, ())
    assert (stage.states, stage.emitted) == ({}, [])


def test_a_framework_agreement_without_lines_is_confirmed_at_once() -> None:
    stage = Stage()
    stage.feed(provisioned(contract_type=ContractType.MSA, lines=(), milestones=()))
    assert (stage.last.status, stage.open_calls) == (PsaStatus.CONFIRMED, [])


def test_repeats_and_older_revisions_change_nothing(confirmed: Stage) -> None:
    told = len(confirmed.emitted)
    assert confirmed.feed(provisioned()).outcome is Outcome.DUPLICATE
    assert confirmed.feed(provisioned(event_id="said again")).emits == ()
    assert confirmed.feed(provisioned(0)).outcome is Outcome.SUPERSEDED
    assert (len(confirmed.emitted), confirmed.open_calls) == (told, [])


def test_an_amendment_changes_only_what_differs(confirmed: Stage) -> None:
    more = milestone("M2", amount=money("50000.00"))
    milestones = (milestone("M1"), more, milestone("M3"))
    confirmed.feed(provisioned(2, lines=(line(amount="140000.00"),), total_value=money("140000.00"), milestones=milestones))
    confirmed.run()
    assert confirmed.steps == ["milestone:M2", "milestone:M3"]
    assert (confirmed.last.status, confirmed.last.revision) == (PsaStatus.CONFIRMED, 2)
    changed, added = (intent.content["fields"] for intent in confirmed.sent)
    assert "pse__Status__c" not in changed  # how far a milestone is, is the PSA's to say
    assert added["pse__Status__c"] == "Planned"


def test_a_removed_milestone_is_taken_out_of_use_and_comes_back_when_wanted_again(confirmed: Stage) -> None:
    confirmed.feed(provisioned(2, milestones=(milestone("M1"),)))
    confirmed.run()
    confirmed.feed(provisioned(3))
    confirmed.run()
    assert confirmed.steps == ["retire:milestone:M2", "milestone:M2"]
    gone, back = confirmed.sent
    assert (gone.content["update_only"], gone.content["fields"]["pse__Status__c"]) == (True, "Cancelled")
    assert back.content["fields"]["pse__Status__c"] == "Planned"
    assert gone.content["external_id"] == back.content["external_id"] == "M_C-1_M2"
    assert len(confirmed.last.records) == 5


def test_an_amendment_that_comes_during_a_call_is_taken_up_after_it() -> None:
    stage = Stage()
    stage.feed(provisioned())
    stage.feed(provisioned(2, title="Data platform, phase two"))
    assert len(stage.open_calls) == 1
    stage.run()
    assert stage.steps == ["project", *ALL]
    assert [intent.content["fields"]["Name"] for intent in stage.sent[:2]] == ["Data platform", "Data platform, phase two"]
    assert (stage.last.status, stage.last.revision) == (PsaStatus.CONFIRMED, 2)


def test_a_closed_contract_is_taken_out_of_use_with_the_project_last(confirmed: Stage) -> None:
    confirmed.feed(provisioned(1, ProvisioningStatus.CLOSED))
    confirmed.run()
    assert confirmed.steps == ["retire:assignment:architect", "retire:milestone:M1", "retire:milestone:M2", "retire:project"]
    assert confirmed.last.status is PsaStatus.CLOSED


def test_a_contract_closed_before_anything_was_made_is_closed_at_once() -> None:
    stage = Stage()
    stage.feed(provisioned(1, ProvisioningStatus.CLOSED))
    assert (stage.last.status, stage.sent) == (PsaStatus.CLOSED, [])


def test_an_unknown_resource_code_waits_for_its_mapping_and_goes_on_with_it() -> None:
    stage = Stage()
    stage.feed(provisioned())
    decision = stage.run(refusing("assignment:architect"))
    assert decision is not None
    assert decision.outcome is Outcome.WAITING
    assert [(w.key, w.queue) for w in decision.waits] == [("resource_code:architect@netsuite-emea", "resource management")]
    waiting = stage.last
    assert waiting.status is PsaStatus.WAITING
    assert waiting.cause is not None
    assert waiting.waits[0].since == T0 + timedelta(minutes=4)
    stage.feed(code("tester", "QA"))
    assert stage.open_calls == []
    stage.feed(code("architect", "ARCH2"))
    stage.run()
    assert stage.sent[-1].content["fields"]["pse__Resource__r"] == {"Throughline_Key__c": "ARCH2"}
    settled = stage.last
    assert settled.status is PsaStatus.CONFIRMED
    assert settled.waits == ()
    assert settled.cause is None
    assert not any(stage.waits.values())


def test_the_same_code_loaded_again_asks_again_once_the_psa_has_it() -> None:
    stage = Stage()
    stage.feed(code("architect", "ARCH"))
    stage.feed(provisioned())
    stage.run(refusing("assignment:architect"))
    stage.feed(code("architect", "ARCH"))
    stage.run()
    assert stage.last.status is PsaStatus.CONFIRMED


def test_the_code_mapped_by_now_is_taken_before_the_one_that_came_along() -> None:
    stage = Stage()
    stage.feed(code("architect", "PRIN"))
    stage.feed(provisioned())
    stage.run(refusing("assignment:architect"))
    assert stage.sent[-1].content["fields"]["pse__Resource__r"] == {"Throughline_Key__c": "PRIN"}
    assert stage.last.status is PsaStatus.CONFIRMED


def test_a_revision_that_does_not_cure_the_refusal_keeps_waiting_without_asking_again() -> None:
    stage = Stage()
    stage.feed(provisioned())
    stage.run(refusing("assignment:architect"))
    asked = len(stage.sent)
    decision = stage.feed(provisioned(2))
    assert (decision.outcome, len(stage.sent), stage.open_calls) == (Outcome.WAITING, asked, [])
    assert (stage.last.status, stage.last.revision) == (PsaStatus.WAITING, 2)
    stage.feed(provisioned(3, rate_card=(rate("architect", "200.00"),)))
    assert stage.open_calls[0][1].step == "assignment:architect"


def test_any_other_refusal_is_a_dead_letter_with_its_cause() -> None:
    stage = Stage()
    stage.feed(provisioned())
    cause = Cause("STRING_TOO_LONG", "pse__Proj__c P_C-1: Project Name: data value too large")
    decision = stage.run(refusing("project", cause))
    assert decision is not None
    assert (decision.outcome, decision.cause) == (Outcome.DEAD_LETTERED, cause)
    assert stage.last.status is PsaStatus.REJECTED
    assert stage.last.cause is not None
    assert (stage.last.cause.code, stage.last.cause.fingerprint) == (cause.code, cause.fingerprint)


def test_a_dead_letter_that_is_applied_again_asks_again() -> None:
    stage = Stage()
    stage.feed(provisioned())
    stage.run(refusing("project", Cause("STRING_TOO_LONG", "too long")))
    stage.feed(provisioned())
    stage.run()
    assert stage.last.status is PsaStatus.CONFIRMED


def test_an_answer_to_nothing_is_passed_over(confirmed: Stage) -> None:
    last, told = confirmed.last, len(confirmed.emitted)
    confirmed.open_calls.append(("contract:C-1", Intent("project", "psa", {"object": "pse__Proj__c", "external_id": "P_C-1"})))
    decision = confirmed.run()
    assert decision is not None
    assert decision.outcome is Outcome.DUPLICATE
    assert (confirmed.last, len(confirmed.emitted)) == (last, told)


def test_mappings_without_a_code_are_refused_and_others_passed_over() -> None:
    assert Stage().feed(code("x", "", key="resource_code:x@t")).outcome is Outcome.DEAD_LETTERED
    assert Stage().feed(code("x", "1", key="tax:FR@t")).outcome is Outcome.DUPLICATE


def test_the_code_stated_last_stands() -> None:
    stage = Stage()
    assert stage.feed(code("architect", "NEW", 5)).supplies == ("resource_code:architect@netsuite-emea",)
    assert stage.feed(code("architect", "OLD", 1)).outcome is Outcome.SUPERSEDED
    assert stage.feed(code("architect", "NEW", 5)).outcome is Outcome.DUPLICATE
