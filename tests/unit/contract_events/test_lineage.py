"""How statements, change orders, decisions and cancellations add up to one contract."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from services.contract_events.domain.decide import Step, Verdict, take
from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.lineage import Lineage
from services.contract_events.policy import DEFAULT
from shared.kernel.contract import ApprovalDecision, BillingModel, Contract, ContractStatus, Line, Milestone, RevisionKind
from tests.unit.contract_events.examples import (
    BOTH,
    EMPTY,
    NOW,
    a_contract,
    an_amendment,
    approval,
    at,
    cancelled,
    changed,
    decided,
    eur,
    stated,
)

APPROVED = a_contract(approvals=BOTH)


def told(*events: ContractEvent, lineage: Lineage = EMPTY) -> Step:
    step = Step(Verdict.APPLIED, lineage, "")
    for event in events:
        step = take(step.lineage, event, DEFAULT, NOW)
    return step


def current(step: Step) -> Contract:
    assert step.lineage.current is not None
    return step.lineage.current


def test_a_new_contract_is_its_own_base_and_waits_for_its_approvers() -> None:
    step = told(stated())
    assert step.verdict is Verdict.APPLIED
    assert [(r.kind, r.delta, r.value) for r in step.lineage.revisions] == [(RevisionKind.BASE, eur(1000), eur(1000))]
    assert current(step).status is ContractStatus.IN_APPROVAL
    assert [(w.key, w.queue) for w in step.lineage.waits] == [("approval:C-1/legal", "legal"), ("approval:C-1/finance", "finance")]


def test_the_last_missing_approval_approves_the_contract() -> None:
    step = told(stated(), decided(approval("finance", 3)), decided(approval("legal", 4)))
    assert current(step).status is ContractStatus.APPROVED
    assert step.lineage.waits == ()
    assert step.lineage.revision == 1


def test_a_wait_keeps_its_clock_while_other_approvals_come() -> None:
    first = told(stated())
    later = take(first.lineage, decided(approval("legal", 3)), DEFAULT, at(40))
    assert [(w.key, w.since) for w in later.lineage.waits] == [("approval:C-1/finance", NOW)]


def test_a_rejection_waits_for_a_new_decision() -> None:
    no = approval("finance", 3, ApprovalDecision.REJECTED)
    rejected = told(stated(a_contract(approvals=(approval("legal"),))), decided(no))
    assert current(rejected).status is ContractStatus.IN_APPROVAL
    assert "rejected" in rejected.lineage.waits[0].reason
    assert current(told(decided(approval("finance", 4)), lineage=rejected.lineage)).status is ContractStatus.APPROVED


def test_a_status_at_the_source_does_not_stand_in_for_missing_approvals() -> None:
    assert current(told(stated(a_contract(status=ContractStatus.APPROVED)))).status is ContractStatus.IN_APPROVAL


def test_a_draft_waits_for_nobody() -> None:
    step = told(stated(a_contract(status=ContractStatus.DRAFT)))
    assert (current(step).status, step.lineage.waits) == (ContractStatus.DRAFT, ())


def test_the_same_event_twice_is_a_duplicate() -> None:
    assert told(stated(event_id="e1"), stated(event_id="e1")).verdict is Verdict.DUPLICATE


def test_the_same_terms_under_another_event_id_are_a_duplicate() -> None:
    again = a_contract(total_value=eur("1000.00"))
    assert told(stated(event_id="e1"), stated(again, day=9, event_id="e2")).verdict is Verdict.DUPLICATE


def test_the_same_terms_with_new_approvals_are_taken_over_without_a_revision() -> None:
    step = told(stated(), stated(APPROVED, day=2))
    assert (step.verdict, current(step).status, step.lineage.revision) == (Verdict.APPLIED, ContractStatus.APPROVED, 1)


def test_newer_terms_correct_the_contract_by_the_difference() -> None:
    step = told(stated(APPROVED), stated(replace(APPROVED, total_value=eur(1250)), day=2))
    assert [(r.kind, r.delta) for r in step.lineage.revisions] == [(RevisionKind.BASE, eur(1000)), (RevisionKind.CORRECTION, eur(250))]
    assert current(step).total_value == eur(1250)


def test_older_terms_are_superseded_and_recorded() -> None:
    step = told(stated(APPROVED, day=5), stated(replace(APPROVED, title="Draft title"), day=2, event_id="old"))
    assert (step.verdict, step.lineage.superseded, current(step).title) == (Verdict.SUPERSEDED, ("old",), "Ledger migration")


def test_a_correction_in_another_currency_is_refused() -> None:
    dollars = replace(APPROVED, currency="USD", total_value=replace(eur(1000), currency="USD"), lines=())
    step = told(stated(APPROVED), stated(dollars, day=2))
    assert step.cause is not None
    assert step.cause.code == "currency-mismatch"


def test_a_change_order_is_a_delta_with_its_own_approval() -> None:
    more = Line(line_id="2", description="Training", billing_model=BillingModel.FIXED_FEE, amount=eur(100))
    step = told(stated(APPROVED), changed(an_amendment(lines=(more,), end_date=date(2027, 3, 31))))
    contract = current(step)
    assert (contract.total_value, contract.end_date, [line.line_id for line in contract.lines]) == (
        eur(1100),
        date(2027, 3, 31),
        ["1", "2"],
    )
    assert [(w.key, w.queue) for w in step.lineage.waits] == [("approval:C-1/finance", "finance")]
    assert current(told(decided(approval("finance", 7)), lineage=step.lineage)).status is ContractStatus.APPROVED


def test_a_change_order_replaces_lines_by_key() -> None:
    dearer = Line(line_id="1", description="Migration", billing_model=BillingModel.FIXED_FEE, amount=eur(1100))
    assert current(told(stated(), changed(an_amendment(lines=(dearer,))))).lines == (dearer,)


def test_a_change_order_s_milestone_may_belong_to_a_line_of_the_contract_or_to_one_that_comes_with_it() -> None:
    more = Line(line_id="2", description="Training", billing_model=BillingModel.FIXED_FEE, amount=eur(100))
    hung = tuple(Milestone(milestone_id=f"M{at}", line_id=at, name="Done", percent=Decimal(50)) for at in ("1", "2"))
    assert current(told(stated(), changed(an_amendment(lines=(more,), milestones=hung)))).milestones == hung


def test_a_change_order_s_milestone_on_a_line_that_nobody_knows_is_refused() -> None:
    astray = Milestone(milestone_id="M1", line_id="2", name="Done", percent=Decimal(50))
    step = told(stated(), changed(an_amendment(milestones=(astray,))))
    assert step.cause is not None
    assert (step.verdict, step.cause.code, current(step).milestones) == (Verdict.REFUSED, "unknown-line", ())


def test_a_change_order_sent_again_with_other_content_moves_the_value_by_the_difference() -> None:
    step = told(stated(), changed(), changed(an_amendment(delta=40), day=3))
    assert [r.delta for r in step.lineage.revisions] == [eur(1000), eur(100), eur(-60)]
    assert current(step).total_value == eur(1040)


def test_a_change_order_sent_again_as_it_was_is_a_duplicate() -> None:
    assert told(stated(), changed(event_id="a"), changed(event_id="b", day=4)).verdict is Verdict.DUPLICATE


def test_what_comes_before_its_contract_waits_for_it_and_is_applied_in_order() -> None:
    early = told(changed(an_amendment("AM-2", 5), day=4), changed(an_amendment("AM-1", 7), day=3), decided(approval("finance", 5)))
    assert (early.verdict, [(w.key, w.queue) for w in early.lineage.waits]) == (
        Verdict.PENDING,
        [("contract:C-1", "contract operations")],
    )
    step = told(stated(APPROVED, day=1), lineage=early.lineage)
    assert [r.amendment_id for r in step.lineage.revisions] == [None, "AM-1", "AM-2"]
    assert (current(step).total_value, step.lineage.pending) == (eur(1012), ())


def test_an_early_change_order_that_does_not_fit_is_refused_by_name_and_the_contract_taken() -> None:
    dollars = an_amendment("AM-9", value_delta=replace(eur(1), currency="USD"))
    step = told(changed(dollars), stated(APPROVED))
    assert step.cause is not None
    assert (step.cause.code, "AM-9" in step.cause.message) == ("currency-mismatch", True)
    assert current(step).total_value == eur(1000)


def test_a_restatement_holds_the_change_orders_reported_before_it() -> None:
    whole = replace(APPROVED, total_value=eur(1100), title="As amended")
    step = told(stated(APPROVED), changed(day=2), stated(whole, day=3))
    assert current(step).total_value == eur(1100)
    late = take(step.lineage, changed(an_amendment("AM-0", 1), day=2), DEFAULT, NOW)
    assert late.verdict is Verdict.SUPERSEDED


def test_change_orders_newer_than_a_restatement_stay_on_top_of_it() -> None:
    step = told(stated(APPROVED, day=1), changed(day=5), stated(replace(APPROVED, title="Corrected"), day=3))
    assert (current(step).total_value, current(step).title, step.lineage.revisions[-1].delta) == (eur(1100), "Corrected", eur(0))


def test_a_cancellation_cancels_and_a_newer_statement_revives() -> None:
    step = told(stated(APPROVED), cancelled(day=5))
    assert current(step).status is ContractStatus.CANCELLED
    assert take(step.lineage, changed(day=6), DEFAULT, NOW).verdict is Verdict.SUPERSEDED
    assert current(told(stated(APPROVED, day=7), lineage=step.lineage)).status is ContractStatus.APPROVED


def test_a_statement_made_before_the_cancellation_revives_nothing_when_it_comes_after_it() -> None:
    ended = told(stated(APPROVED), cancelled(day=5)).lineage
    dearer = replace(APPROVED, total_value=eur(1250))
    assert current(told(stated(APPROVED, day=3), lineage=ended)).status is ContractStatus.CANCELLED
    late = told(stated(dearer, day=3), lineage=ended)
    assert (current(late).status, current(late).total_value) == (ContractStatus.CANCELLED, eur(1250))
    assert current(told(stated(dearer, day=7), lineage=late.lineage)).status is ContractStatus.APPROVED


def test_a_rejection_goes_to_the_revision_that_needed_the_role() -> None:
    both = told(stated(APPROVED), changed(an_amendment(approvals=(approval("finance", 3),))))
    assert current(both).status is ContractStatus.APPROVED
    step = told(decided(approval("legal", 6, ApprovalDecision.REJECTED)), lineage=both.lineage)
    assert current(step).status is ContractStatus.IN_APPROVAL
    assert [wait.key for wait in step.lineage.waits] == ["approval:C-1/legal"]


def test_a_change_order_may_be_set_back_to_what_it_said_first() -> None:
    corrected = told(changed(an_amendment(delta=120), day=3), lineage=told(stated(), changed(day=2)).lineage)
    assert current(told(changed(day=4), lineage=corrected.lineage)).total_value == eur(1100)
    assert told(changed(day=2, event_id="sent again"), lineage=corrected.lineage).verdict is Verdict.DUPLICATE


def test_every_early_change_order_that_does_not_fit_is_named_and_may_be_sent_again() -> None:
    dollars = [an_amendment(name, value_delta=replace(eur(1), currency="USD")) for name in ("AM-8", "AM-9")]
    step = told(*(changed(amendment, day=2, event_id=f"e-{amendment.amendment_id}") for amendment in dollars), stated(APPROVED))
    assert step.cause is not None
    assert all(name in step.cause.message for name in ("AM-8", "AM-9", "e-AM-8", "e-AM-9"))
    mended = told(changed(an_amendment("AM-9"), event_id="e-AM-9"), lineage=step.lineage)
    assert (mended.verdict, current(mended).total_value) == (Verdict.APPLIED, eur(1100))


AMOUNTS = st.integers(0, 10_000_000).map(lambda cents: eur(str(Decimal(cents) / 100)))
DELTAS = st.integers(-100_000, 1_000_000).map(lambda cents: str(Decimal(cents) / 100))
STATEMENTS = st.builds(lambda value, day: stated(replace(APPROVED, total_value=value, lines=()), day), AMOUNTS, st.integers(0, 60))
CHANGES = st.builds(lambda n, delta, day: changed(an_amendment(f"AM-{n}", delta), day), st.integers(0, 4), DELTAS, st.integers(0, 60))
GROWTH = st.builds(
    lambda n, cents, day: changed(an_amendment(f"AM-{n}", str(Decimal(cents) / 100)), day), st.integers(0, 4), st.integers(0, 999), st.integers(0, 60)
)
ENDS = st.builds(cancelled, st.integers(0, 60))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(STATEMENTS, CHANGES, CHANGES, ENDS), max_size=14))
def test_base_plus_deltas_equals_the_current_value_always(events: list[ContractEvent]) -> None:
    lineage = EMPTY
    for event in events:
        lineage = take(lineage, event, DEFAULT, NOW).lineage
        if lineage.current is not None:
            assert sum((r.delta.amount for r in lineage.revisions), Decimal(0)) == lineage.current.total_value.amount
            assert lineage.revisions[-1].value == lineage.current.total_value
            assert [r.number for r in lineage.revisions] == list(range(1, len(lineage.revisions) + 1))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(STATEMENTS, GROWTH, ENDS), max_size=10))
def test_telling_it_all_again_changes_no_contract(events: list[ContractEvent]) -> None:
    """Of reports that were taken, that is: one that was refused may fit once others have come."""
    once = told(*events)
    twice = told(*events, lineage=once.lineage)
    assert (twice.lineage.current, twice.lineage.revisions) == (once.lineage.current, once.lineage.revisions)
