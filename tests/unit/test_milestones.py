"""What milestones are worth: the same in every system, to the last cent."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erp_provisioning.domain.amounts import fixed_dues, revenue_dues
from services.erp_provisioning.domain.names import milestone_task_id
from services.erp_provisioning.domain.plan import plan as erp_plan
from services.erp_provisioning.domain.steps import Unplannable
from services.psa_sync.domain.plan import plan as psa_plan
from shared.kernel.contract import BillingModel, Contract, Milestone
from shared.kernel.milestones import worth
from tests.unit.erp_provisioning.samples import contract, engagement, eur, line, milestone

MODELS = st.sampled_from(list(BillingModel))
AMOUNTS = st.decimals(0, 10_000, places=2)
WORTHS = st.one_of(
    st.just({}),
    st.builds(lambda amount: {"amount": eur(str(amount))}, st.decimals(0, 2_000, places=2)),
    st.builds(lambda percent: {"percent": percent}, st.decimals(0, 100, places=4)),
)


def at_psa(of: Contract) -> dict[str, Decimal]:
    told = {step.name.partition(":")[2]: step.fields["pse__Milestone_Amount__c"] for step in psa_plan(of, {}) if step.name.startswith("milestone:")}
    return {key: Decimal(str(amount)) for key, amount in told.items() if amount is not None}


def at_erp(of: Contract) -> dict[str, Decimal]:
    billed = {due.task: due.amount.amount for due in fixed_dues(of)}
    tasks = {m.milestone_id: milestone_task_id(of, m.milestone_id) for m in of.milestones}
    return {key: billed[task] for key, task in tasks.items() if task in billed}


def changed(of: Contract, delta: str, *milestones: Milestone) -> Contract:
    """With a change order that names no line."""
    return replace(of, total_value=of.total_value + eur(delta), milestones=(*of.milestones, *milestones))


@given(
    st.lists(st.tuples(MODELS, AMOUNTS), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 5), WORTHS), max_size=5),
    st.sampled_from(["0.00", "0.00", "250.01", "-0.03", "-200.00"]),
)
def test_erp_and_psa_hold_the_same_worth_of_every_milestone(
    lines: list[tuple[BillingModel, Decimal]], hung: list[tuple[int, dict[str, object]]], delta: str
) -> None:
    milestones = [milestone(f"M{n}", line_id=f"L{at}" if at < len(lines) else None, **told) for n, (at, told) in enumerate(hung)]
    of = changed(contract(*(line(f"L{n}", model, str(amount)) for n, (model, amount) in enumerate(lines))), delta, *milestones)
    try:
        billed = at_erp(of)
    except Unplannable:
        assert at_psa(of) == {}
        return
    assert at_psa(of) == billed
    assert sum(due.amount.amount for due in revenue_dues(of)) == of.total_value.amount


def test_a_percentage_without_a_line_is_of_the_lines_that_milestones_pay_for() -> None:
    lines = (line("L1", amount="1000.00"), line("L2", BillingModel.TIME_AND_MATERIALS, "5000.00"), line("L3", BillingModel.RETAINER, "700.00"))
    assert worth(contract(*lines, milestones=(milestone("M1", percent=Decimal(10)),))) == {"M1": eur("100.00")}


@pytest.mark.parametrize("model", [BillingModel.TIME_AND_MATERIALS, BillingModel.RETAINER])
def test_a_milestone_on_a_line_billed_by_time_or_by_the_month_is_a_date_without_money(model: BillingModel) -> None:
    of = contract(line("L1", model), line("L2"), milestones=(milestone("M1", line_id="L1", amount=eur("500.00")),))
    assert at_psa(of) == at_erp(of) == {}
    assert "task:M1" in {step.name for step in erp_plan(of, engagement())}


def test_a_milestone_for_which_no_line_is_left_is_paid_by_all_of_them() -> None:
    own, loose = milestone("M1", line_id="L1", percent=Decimal(50)), milestone("M2", amount=eur("500.00"))
    assert worth(contract(line("L1"), milestones=(own, loose))) == {"M1": eur("500.00"), "M2": eur("500.00")}


def test_a_date_without_money_takes_nothing_from_lines_that_have_milestones_of_their_own() -> None:
    assert worth(contract(line("L1"), milestones=(milestone("M1", line_id="L1", percent=Decimal(50)), milestone("Kick-off")))) == {
        "M1": eur("500.00")
    }


def test_a_milestone_that_a_lowered_value_no_longer_pays_for_is_named() -> None:
    base = contract(line("L1", BillingModel.MILESTONE), milestones=(milestone("M1", line_id="L1", percent=Decimal(50)),))
    with pytest.raises(Unplannable, match=r"500\.00* EUR more"):
        erp_plan(changed(base, "-200.00", milestone("M2", percent=Decimal(100))), engagement())


def test_a_milestone_after_a_lowered_value_is_a_part_of_what_all_lines_are_worth() -> None:
    base = contract(line("L1", BillingModel.MILESTONE), milestones=(milestone("M1", line_id="L1", percent=Decimal(50)),))
    assert worth(changed(base, "-200.00", milestone("M2", percent=Decimal(25)))) == {"M1": eur("500.00"), "M2": eur("200.00")}


def test_a_milestone_of_less_than_nothing_is_named() -> None:
    base = contract(line("L1", BillingModel.TIME_AND_MATERIALS, "5000.00"))
    with pytest.raises(Unplannable, match="less than nothing"):
        erp_plan(changed(base, "-200.00", milestone("M1", percent=Decimal(100))), engagement())
