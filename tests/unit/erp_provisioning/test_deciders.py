"""How a set-up goes on: one call at a time towards the latest revision, whatever happens meanwhile."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.erp_provisioning.domain.mappings import Entry, Mappings
from services.erp_provisioning.domain.progress import Provisioning, advance
from services.erp_provisioning.handlers.deciders import keys_of_news, keys_of_record, on_answered, on_engagement_ready, on_woken
from services.erp_provisioning.handlers.mapping import on_mapping
from shared.kernel.contract import BillingModel, Contract
from shared.messages.source import MappingKind, SourceMapping
from shared.runtime.decision import Decision, Intent, Outcome
from shared.runtime.events import Answered, Coordinates, Received, Woken
from tests.unit.erp_provisioning.samples import (
    EVERY_MODEL,
    LEGAL_ENTITY_KEY,
    NOW,
    PARENT,
    Known,
    contract,
    done,
    engagement,
    eur,
    line,
    milestone,
    ready,
    refusal,
    set_up,
    state_of,
    told,
)

NO_SUBSIDIARY = "job P_SOW-1: Error while accessing a resource. Invalid subsidiary reference key 99. (at subsidiary)"
BASE = contract(line("L1"), line("L2"), milestones=(milestone("M1", line_id="L1", amount=eur("100.00")),))


def entry(subsidiary: str, event_id: str = "m1") -> Received[SourceMapping]:
    message = SourceMapping(
        event_id=event_id, occurred_at=NOW, source="test", key=LEGAL_ENTITY_KEY, kind=MappingKind.LEGAL_ENTITY, effective_from=date(2020, 1, 1),
        values={"code": "FR01", "name": "France", "subsidiary": subsidiary}, actor="a steward", reason="correction",
    )  # fmt: skip
    return Received(LEGAL_ENTITY_KEY, message, Coordinates("source.reference.mapping.v1", 0, 1))


def mapped(subsidiary: str, since: date) -> Known:
    entry = Entry(event_id="m", effective_from=since, values={"subsidiary": subsidiary})
    return Known({LEGAL_ENTITY_KEY: Mappings(key=LEGAL_ENTITY_KEY, entries=(entry,))})


def refused_project() -> tuple[Provisioning, Decision]:
    """A contract whose customer was taken and whose project was refused for its subsidiary."""
    state, _ = started(BASE)
    decision = on_answered(state, done(first_call(state)), Known(), NOW)
    return state_of(decision), on_answered(state_of(decision), refusal(decision.intents[0], "INVALID_KEY_OR_REF", NO_SUBSIDIARY), Known(), NOW)


def started(of: Contract) -> tuple[Provisioning, Intent]:
    decision = on_engagement_ready(None, ready(1, of), Known(), NOW)
    return state_of(decision), decision.intents[0]


def first_call(state: Provisioning) -> Intent:
    assert state.in_flight is not None
    return Intent(state.in_flight.step, state.in_flight.target, {"external_id": state.in_flight.external_id})


def test_a_contract_is_set_up_one_call_after_the_other() -> None:
    state, calls = set_up(BASE, engagement(parent=PARENT))
    assert [call.step for call in calls] == [
        "parent-customer", "customer", "project", "task:L1", "task:L2", "task:M1", "billing-schedule", "revenue-schedule",
    ]  # fmt: skip
    assert state.status == "PROVISIONED"
    assert [record.internal_id for record in state.records] == ["77"] * 8


def test_each_answer_is_told_with_its_call_and_the_records_so_far() -> None:
    state, intent = started(BASE)
    change = told(on_answered(state, done(intent), Known(), NOW))
    assert (change.status, change.step, change.call.outcome, change.call.request) == ("IN_PROGRESS", "customer", "DONE", "PUT /job")
    assert [record.record_type for record in change.records] == ["customer"]


def test_the_last_answer_tells_that_the_contract_is_set_up() -> None:
    state, intent = started(EVERY_MODEL["framework agreement"])
    change = told(on_answered(state, done(intent), Known(), NOW))
    assert (change.status, change.step) == ("PROVISIONED", "customer")


def test_changes_have_ids_of_their_own_and_the_same_ones_when_decided_again() -> None:
    state, intent = started(BASE)
    first = told(on_engagement_ready(None, ready(1, BASE), Known(), NOW))
    second, again = (told(on_answered(state, done(intent), Known(), NOW)) for _ in range(2))
    assert first.event_id != second.event_id == again.event_id


def test_an_amendment_touches_only_what_differs() -> None:
    state, _ = set_up(BASE)
    amended = replace(BASE, total_value=eur("2500.00"), lines=(line("L1"), line("L2", amount="1500.00")))
    after, calls = set_up(amended, revision=2, before=state)
    assert [call.step for call in calls] == ["project", "billing-schedule", "revenue-schedule"]
    assert after.revision == 2


def test_the_same_content_in_a_later_revision_needs_no_call() -> None:
    state, _ = set_up(BASE)
    decision = on_engagement_ready(state, ready(2, BASE), Known(), NOW)
    assert (decision.intents, told(decision).status, told(decision).revision) == ((), "PROVISIONED", 2)


def test_a_line_that_is_gone_takes_its_task_out_of_use_and_a_return_brings_it_back() -> None:
    state, _ = set_up(BASE)
    smaller = replace(BASE, lines=(line("L1"),), total_value=eur("1000.00"))
    without, calls = set_up(smaller, revision=2, before=state)
    assert [(call.step, call.content["method"]) for call in calls][-1] == ("retire:task:L2", "PATCH")
    assert calls[-1].content["body"] == {"isInactive": True}
    again, calls = set_up(BASE, revision=3, before=without)
    assert "task:L2" in [call.step for call in calls]
    assert not [record for record in again.records if record.step.startswith("retire:")]


def test_a_contract_that_moves_to_another_tenant_leaves_nothing_in_use_behind() -> None:
    state, _ = set_up(contract(line()))
    after, calls = set_up(contract(line()), engagement(tenant="netsuite-apac"), revision=2, before=state)
    left = [call.step for call in calls if call.target == "netsuite-emea"]
    assert left == ["retire:project", "retire:task:L1", "retire:billing-schedule", "retire:revenue-schedule"]
    assert after.status == "PROVISIONED"


def test_an_older_revision_is_superseded_and_a_repeat_is_a_duplicate() -> None:
    state, _ = set_up(BASE, revision=2)
    assert on_engagement_ready(state, ready(1, BASE), Known(), NOW).outcome is Outcome.SUPERSEDED
    assert on_engagement_ready(state, ready(2, BASE), Known(), NOW).outcome is Outcome.DUPLICATE


def test_a_repeat_of_an_earlier_reading_of_the_same_revision_does_not_bring_it_back() -> None:
    state, _ = set_up(BASE, engagement("3"))
    corrected = state_of(on_engagement_ready(state, ready(1, BASE, engagement("4"), event_id="later"), Known(), NOW))
    assert on_engagement_ready(corrected, ready(1, BASE, engagement("3")), Known(), NOW).outcome is Outcome.DUPLICATE


def test_an_amendment_during_a_call_waits_for_its_answer_and_is_then_the_goal() -> None:
    state, intent = started(BASE)
    decision = on_engagement_ready(state, ready(2, replace(BASE, title="Renamed")), Known(), NOW)
    assert decision.intents == ()
    decision = on_answered(state_of(decision), done(intent), Known(), NOW)
    assert decision.intents[0].content["body"]["companyName"] == "Renamed"


def test_an_answer_to_a_call_that_is_not_under_way_changes_nothing() -> None:
    state, _ = set_up(BASE)
    assert on_answered(state, done(Intent("project", "netsuite-emea", {"external_id": "P"})), Known(), NOW).outcome is Outcome.DUPLICATE


def test_a_refused_subsidiary_waits_for_its_mapping_in_the_queue_that_supplies_it() -> None:
    _, decision = refused_project()
    [wait] = decision.waits
    assert (decision.outcome, wait.key, wait.queue, wait.value) == (Outcome.WAITING, LEGAL_ENTITY_KEY, "master data", eur("2000.00"))
    change = told(decision)
    assert (change.status, change.waits[0].since, change.cause.code, change.call.outcome) == ("WAITING", NOW, "INVALID_KEY_OR_REF", "REJECTED")


def test_a_corrected_mapping_cures_a_refused_contract_by_itself() -> None:
    _, decision = refused_project()
    supplied = on_mapping(None, entry("5"), Known(), NOW)
    assert supplied.supplies == (LEGAL_ENTITY_KEY,)
    known = Known({LEGAL_ENTITY_KEY: supplied.state})
    woken = on_woken(state_of(decision), Woken(LEGAL_ENTITY_KEY), known, NOW)
    assert woken.intents[0].content["body"]["subsidiary"] == {"id": "5"}
    assert (woken.waits, told(woken).status, told(woken).engagement.legal_entity.subsidiary) == ((), "IN_PROGRESS", "5")


def test_the_same_mapping_supplied_again_tries_the_refused_call_again() -> None:
    _, decision = refused_project()
    kept = on_mapping(None, entry("5"), Known(), NOW).state
    again = on_mapping(kept, entry("5"), Known(), NOW)  # type: ignore[arg-type]
    assert (again.outcome, again.state, again.supplies) == (Outcome.DUPLICATE, kept, (LEGAL_ENTITY_KEY,))
    woken = on_woken(state_of(decision), Woken(LEGAL_ENTITY_KEY), Known(), NOW)
    assert woken.intents[0].step == "project"


def test_a_mapping_that_was_stated_earlier_does_not_overtake_a_later_one() -> None:
    kept = on_mapping(None, entry("5"), Known(), NOW).state
    earlier = structs.replace(entry("9"), message=structs.replace(entry("9").message, event_id="old", occurred_at=NOW - timedelta(days=30)))
    decision = on_mapping(kept, earlier, Known(), NOW)  # type: ignore[arg-type]
    assert (decision.outcome, decision.supplies) == (Outcome.SUPERSEDED, ())


def test_a_mapping_that_is_in_force_goes_before_what_the_engagement_says() -> None:
    known = mapped("9", date(2026, 1, 15))
    decision = on_engagement_ready(None, ready(1, BASE), known, NOW)
    assert decision.intents[0].content["body"]["subsidiary"] == {"id": "9"}


def test_a_mapping_that_begins_after_the_contract_does_not_move_it() -> None:
    known = mapped("9", date(2026, 1, 16))
    decision = on_engagement_ready(None, ready(1, BASE), known, NOW)
    assert decision.intents[0].content["body"]["subsidiary"] == {"id": "3"}


def test_a_mapping_entry_read_twice_is_a_duplicate_and_a_foreign_one_is_passed_over() -> None:
    first = on_mapping(None, entry("5"), Known(), NOW)
    assert on_mapping(first.state, entry("5"), Known(), NOW).outcome is Outcome.DUPLICATE  # type: ignore[arg-type]
    foreign = structs.replace(entry("5"), key="tax:FR@netsuite-emea")
    assert on_mapping(None, foreign, Known(), NOW).supplies == ()


def test_an_amendment_while_waiting_keeps_the_wait_when_the_refused_content_is_still_wanted() -> None:
    _, decision = refused_project()
    accepted = replace(BASE, milestones=(milestone("M1", line_id="L1", amount=eur("100.00"), accepted_on=date(2026, 2, 1)),))
    again = on_engagement_ready(state_of(decision), ready(2, accepted), Known(), NOW)
    assert ([wait.key for wait in again.waits], again.intents, told(again).revision) == ([LEGAL_ENTITY_KEY], (), 2)


def test_an_amendment_while_waiting_is_tried_when_it_changes_what_was_refused() -> None:
    _, decision = refused_project()
    again = on_engagement_ready(state_of(decision), ready(2, BASE, engagement("4")), Known(), NOW)
    assert (again.waits, again.intents[0].step) == ((), "customer")


def test_waiting_for_master_data_keeps_what_the_contract_waits_for_here() -> None:
    _, decision = refused_project()
    noted = on_engagement_ready(state_of(decision), ready(2, BASE, status="WAITING"), Known(), NOW)
    assert (noted.waits, noted.emits) == (decision.waits, ())


def test_unknown_currency_and_terms_wait_for_finance_operations() -> None:
    state, intent = started(replace(BASE, payment_terms="Net 33"))
    for message, key in [
        ("job P: Invalid currency reference key EUR. (at currency)", "erp_setup:currency-EUR@netsuite-emea"),
        ("billingSchedule B: Invalid initialTerms reference key Net-33. (at initialTerms)", "erp_setup:terms-Net-33@netsuite-emea"),
    ]:
        [wait] = on_answered(state, refusal(intent, "INVALID_KEY_OR_REF", message), Known(), NOW).waits
        assert (wait.key, wait.queue) == (key, "finance operations")


def test_a_refusal_that_no_key_would_cure_is_a_dead_letter_with_its_cause() -> None:
    state, intent = started(BASE)
    decision = on_answered(state, refusal(intent, "USER_ERROR", "customer C: This record has been locked by a user defined workflow."), Known(), NOW)
    assert decision.outcome is Outcome.DEAD_LETTERED
    assert decision.cause is not None
    assert (told(decision).status, told(decision).cause.fingerprint) == ("REJECTED", decision.cause.fingerprint)


def test_a_dead_letter_that_is_applied_again_makes_the_refused_call_again() -> None:
    state, intent = started(BASE)
    rejected = state_of(on_answered(state, refusal(intent, "USER_ERROR", "customer C: locked"), Known(), NOW))
    assert on_engagement_ready(rejected, ready(1, BASE), Known(), NOW).intents[0].step == "customer"


def test_a_refusal_of_what_is_no_longer_wanted_is_passed_over() -> None:
    state, intent = started(BASE)
    amended = state_of(on_engagement_ready(state, ready(2, BASE, engagement("4")), Known(), NOW))
    decision = on_answered(amended, refusal(intent, "USER_ERROR", "customer C: locked"), Known(), NOW)
    assert decision.intents[0].content["body"]["subsidiary"] == {"id": "4"}


def test_a_contract_that_cannot_be_laid_out_is_a_dead_letter() -> None:
    of = contract(line(model=BillingModel.MILESTONE), milestones=(milestone("M1", line_id="L1", amount=eur("5000.00")),))
    decision = on_engagement_ready(None, ready(1, of), Known(), NOW)
    assert decision.cause is not None
    assert (decision.outcome, decision.cause.code) == (Outcome.DEAD_LETTERED, "milestones-exceed-value")


def test_closing_takes_the_project_out_of_use() -> None:
    state, _ = set_up(BASE)
    decision = on_engagement_ready(state, ready(2, BASE, status="CLOSED"), Known(), NOW)
    assert decision.intents[0].step == "retire:project"
    assert told(on_answered(state_of(decision), done(decision.intents[0]), Known(), NOW)).status == "CLOSED"


def test_closing_before_anything_exists_needs_no_call() -> None:
    decision = on_engagement_ready(None, ready(1, BASE, status="CLOSED"), Known(), NOW)
    assert (decision.intents, told(decision).status) == ((), "CLOSED")


def test_deciders_ask_to_see_the_mapping_and_the_key_that_a_refusal_waits_for() -> None:
    state, intent = started(BASE)
    assert set(keys_of_record(None, ready(1, BASE), Known())) == {LEGAL_ENTITY_KEY}
    answer = refusal(intent, "INVALID_KEY_OR_REF", "job P: Invalid currency reference key EUR. (at currency)")
    assert set(keys_of_news(state, answer, Known())) == {LEGAL_ENTITY_KEY, "erp_setup:currency-EUR@netsuite-emea"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_interleaving_of_amendments_and_answers_ends_at_the_latest_revision(data: st.DataObject) -> None:
    """Readings of revisions come late and repeated; calls are answered, or refused for their subsidiary, in between."""
    versions = [contract(*(line(f"L{n}", amount=a) for n, a in enumerate(drawn))) for drawn in data.draw(st.lists(_AMOUNTS, min_size=1, max_size=4))]
    readings = [(revision, versions[revision - 1]) for revision in range(1, len(versions) + 1)]
    arriving = data.draw(st.permutations(readings + data.draw(st.lists(st.sampled_from(readings), max_size=3))))
    state: Any = None
    open_calls: list[Intent] = []
    events: list[Any] = list(arriving)
    while events or open_calls or state.refusal:
        if open_calls and (not events or data.draw(st.booleans())):
            call, answer = open_calls.pop(), _ANSWERS[bool(events) and data.draw(st.booleans())]
            decision = on_answered(state, answer(call), Known(), NOW)
        elif events:
            revision, of = events.pop(0)
            decision = on_engagement_ready(state, ready(revision, of), Known(), NOW)
        else:
            decision = on_woken(state, Woken(LEGAL_ENTITY_KEY), Known(), NOW)
        state = decision.state or state
        open_calls += decision.intents
        assert len(open_calls) <= 1
        assert (state.in_flight is not None) == bool(open_calls)
    assert (state.revision, state.status, state.contract) == (len(versions), "PROVISIONED", versions[-1])
    assert advance(state, state.engagement).send is None


def _done(call: Intent) -> Answered:
    return done(call)


_AMOUNTS = st.lists(st.sampled_from(["10.00", "20.00", "30.00"]), max_size=3)


def _refused(call: Intent) -> Answered:
    return refusal(call, "INVALID_KEY_OR_REF", NO_SUBSIDIARY)


_ANSWERS = (_done, _refused)
