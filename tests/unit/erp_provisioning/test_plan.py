"""What has to exist in the ERP for each kind of contract; amounts to the last cent."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erp_provisioning.domain.amounts import fixed_dues, monthly_dues, revenue_dues
from services.erp_provisioning.domain.names import NAME_LENGTH, external_id
from services.erp_provisioning.domain.plan import plan
from services.erp_provisioning.domain.steps import Step, Unplannable
from shared.kernel.contract import BillingModel, Contract, Milestone, RevenueMethod
from tests.unit.erp_provisioning.samples import EVERY_MODEL, PARENT, contract, engagement, eur, line, milestone

WITH_VALUE = {name: of for name, of in EVERY_MODEL.items() if of.total_value.amount}


def steps_of(of: Contract) -> dict[str, Step]:
    return {step.name: step for step in plan(of, engagement())}


def body(of: Contract, step: str) -> Any:
    return steps_of(of)[step].body


def scheduled(of: Contract) -> Decimal:
    """What the billing schedule bills, without the lines that are billed by time."""
    schedule = body(of, "billing-schedule")
    milestones = [Decimal(item["milestoneAmount"]) for item in schedule["milestone"]["items"]]
    months = [Decimal(item["amount"]) for item in schedule["recurrence"]["items"]]
    return sum(milestones + months, Decimal(0))


def by_time(of: Contract) -> Decimal:
    return sum((each.amount.amount for each in of.lines if each.billing_model is BillingModel.TIME_AND_MATERIALS), Decimal(0))


def test_a_project_follows_its_customers_and_comes_before_what_hangs_on_it() -> None:
    of = contract(line(), milestones=(milestone("M1", line_id="L1", percent=Decimal(40)),))
    names = [step.name for step in plan(of, engagement(parent=PARENT))]
    assert names == ["parent-customer", "customer", "project", "task:L1", "task:M1", "billing-schedule", "revenue-schedule"]


def test_a_customer_that_is_its_own_parent_is_made_once() -> None:
    assert [step.name for step in plan(contract(line()), engagement())][:2] == ["customer", "project"]


def test_a_framework_agreement_without_value_needs_its_customer_only() -> None:
    assert list(steps_of(EVERY_MODEL["framework agreement"])) == ["customer"]


def test_the_same_customer_has_one_object_for_each_subsidiary() -> None:
    french, german = (plan(contract(line()), engagement(subsidiary=number))[0] for number in ("3", "4"))
    assert french.external_id != german.external_id


def test_contracts_of_one_customer_say_the_same_of_it() -> None:
    other = replace(EVERY_MODEL["retainer"], contract_id="SOW-2", payment_terms="Net 60", currency="EUR")
    assert plan(contract(line()), engagement())[0] == plan(other, engagement())[0]


@pytest.mark.parametrize("of", EVERY_MODEL.values(), ids=EVERY_MODEL.keys())
def test_content_is_json_and_its_keys_fit_the_vendor(of: Contract) -> None:
    for step in plan(of, engagement(parent=PARENT)):
        assert json.loads(json.dumps(step.content)) == step.content
        assert set(step.external_id) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@pytest.mark.parametrize("of", WITH_VALUE.values(), ids=WITH_VALUE.keys())
def test_schedules_add_up_to_the_value_of_the_contract(of: Contract) -> None:
    assert scheduled(of) + by_time(of) == of.total_value.amount
    assert sum(due.amount.amount for due in revenue_dues(of)) == of.total_value.amount
    assert Decimal(body(of, "project")["jobPrice"]) == Decimal(body(of, "revenue-schedule")["totalAmount"]) == of.total_value.amount


def test_a_fixed_fee_is_billed_at_the_end_of_its_line() -> None:
    [item] = body(contract(line(end_date=date(2026, 6, 30))), "billing-schedule")["milestone"]["items"]
    assert (item["milestoneAmount"], item["milestoneDate"], item["projectTask"]) == ("1000.00", "2026-06-30", {"externalId": "T_SOW-1_L1"})


def test_three_thirds_of_a_hundred_lose_no_cent() -> None:
    items = body(EVERY_MODEL["milestones by percent"], "billing-schedule")["milestone"]["items"]
    assert [item["milestoneAmount"] for item in items] == ["33.34", "33.33", "33.33"]


def test_a_milestone_without_an_amount_is_worth_what_is_left() -> None:
    first, second = body(EVERY_MODEL["milestones by amount"], "billing-schedule")["milestone"]["items"]
    assert (first["milestoneAmount"], second["milestoneAmount"]) == ("200.00", "300.00")
    assert first["milestoneActualCompletionDate"] == "2026-05-04"


def test_time_and_materials_are_billed_for_actuals_and_the_cap_is_noted() -> None:
    of = EVERY_MODEL["time and materials"]
    schedule = body(of, "billing-schedule")
    assert (schedule["billForActuals"], schedule["initialAmount"], schedule["milestone"]["items"]) == (True, None, [])
    assert "Not to exceed 50000.00 EUR" in body(of, "project")["comments"]


def test_a_retainer_is_billed_every_month_of_its_period() -> None:
    items = body(EVERY_MODEL["retainer"], "billing-schedule")["recurrence"]["items"]
    assert len(items) == 12
    assert {item["amount"] for item in items} == {"833.33", "833.34"}


def test_a_month_without_a_thirty_first_is_billed_on_its_last_day() -> None:
    of = contract(line(model=BillingModel.RETAINER, amount="300.00", start_date=date(2027, 12, 31), end_date=date(2028, 3, 31)))
    assert [due.day.isoformat() for due in monthly_dues(of)] == ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("fixed fee", "3"), ("milestones by percent", "3"), ("time and materials", "5"), ("retainer", "2"), ("mixed", "1")],
)
def test_project_and_schedule_bill_the_same_way(name: str, kind: str) -> None:
    of = EVERY_MODEL[name]
    assert body(of, "project")["jobBillingType"] == body(of, "billing-schedule")["scheduleType"] == {"id": kind}


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (RevenueMethod.STRAIGHT_LINE, ("STANDARD", "DATESPRORATE", 0)),
        (RevenueMethod.POINT_IN_TIME, ("STANDARD", "DATESINTOPERIODS", 0)),
        (RevenueMethod.PERCENT_COMPLETE, ("VARIABLE", "EVENPERIODSPRORATE", 0)),
        (RevenueMethod.MILESTONE, ("VARIABLE", "CUSTOM", 1)),
    ],
)
def test_revenue_is_recognised_by_the_contract_s_method(method: RevenueMethod, expected: tuple[str, str, int]) -> None:
    schedule = body(contract(line(), revenue_method=method), "revenue-schedule")
    told = (schedule["amortizationType"]["id"], schedule["recurrenceType"]["id"], len(schedule["recurrence"]["items"]))
    assert told == expected


def test_a_change_order_that_names_no_line_gets_a_balance_line() -> None:
    of = contract(line(), total_value=eur("1250.00"))
    assert body(of, "task:balance")["title"] == "Balance to the contract value"
    assert scheduled(of) == Decimal("1250.00")


def test_milestones_worth_more_than_their_contract_are_named() -> None:
    of = contract(line(model=BillingModel.MILESTONE), milestones=(milestone("M1", line_id="L1", amount=eur("1000.01")),))
    with pytest.raises(Unplannable, match=r"0\.01 EUR more"):
        plan(of, engagement())


def test_a_long_title_is_kept_whole_beside_the_short_name() -> None:
    project = body(contract(line(), title="x" * 300), "project")
    assert len(project["companyName"]) == NAME_LENGTH
    assert "x" * 300 in project["comments"]


def test_amounts_are_written_in_the_minor_units_of_their_currency() -> None:
    of = contract(line(amount="1000.0000"))
    assert body(of, "project")["jobPrice"] == "1000.00"


@given(st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=2), st.lists(st.text(min_size=1, max_size=8), min_size=2, max_size=2))
def test_two_keys_are_equal_only_for_equal_parts(one: list[str], other: list[str]) -> None:
    assert (external_id("T", *one) == external_id("T", *other)) == (one == other)


@given(
    st.lists(st.decimals(0, 10_000, places=2), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 4), st.decimals(0, 40, places=4)), max_size=6),
    st.sampled_from([RevenueMethod.MILESTONE, RevenueMethod.STRAIGHT_LINE]),
)
def test_no_cent_is_lost_however_milestones_hang_on_lines(amounts: list[Decimal], shares: list[tuple[int, Decimal]], method: RevenueMethod) -> None:
    lines = [line(f"L{n}", BillingModel.MILESTONE, str(amount)) for n, amount in enumerate(amounts)]
    hung: list[Milestone] = [
        milestone(f"M{n}", line_id=f"L{at}" if at < len(lines) else None, percent=percent) for n, (at, percent) in enumerate(shares)
    ]
    of = contract(*lines, milestones=tuple(hung), revenue_method=method)
    try:
        dues = fixed_dues(of)
    except Unplannable:
        return
    assert sum(due.amount.amount for due in dues) == of.total_value.amount
    assert all(due.amount.amount >= 0 for due in dues)
