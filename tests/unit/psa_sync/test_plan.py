"""What the PSA is asked to hold: names, amounts and keys."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.psa_sync.domain.names import external_id
from services.psa_sync.domain.plan import plan
from services.psa_sync.domain.steps import Step
from shared.kernel.contract import Contract
from shared.messages.contract import BillingModel
from shared.messages.reshape import reshape
from tests.unit.psa_sync.stage import contract, line, milestone, money, rate


def planned(**terms: Any) -> dict[str, Step]:
    of = reshape(contract(**terms), Contract)
    return {step.name: step for step in plan(of, {r.role: r.role.upper() for r in of.rate_card})}


def test_a_project_says_when_in_what_currency_and_for_whom() -> None:
    project = planned(title="x" * 100)["project"]
    assert (project.external_id, project.object_name) == ("P_C-1", "pse__Proj__c")
    assert len(str(project.fields["Name"])) == 80
    assert (project.fields["pse__Start_Date__c"], project.fields["CurrencyIsoCode"]) == ("2025-04-01", "EUR")
    assert "ACC-1" in str(project.fields["pse__Notes__c"])


@pytest.mark.parametrize(
    ("models", "billing_type"),
    [
        ((BillingModel.TIME_AND_MATERIALS, BillingModel.FIXED_FEE), "Time and Materials"),
        ((BillingModel.RETAINER, BillingModel.MILESTONE), "Retainer"),
        ((), "Fixed Price"),
    ],
)
def test_the_billing_type_is_that_of_most_of_the_value(models: tuple[BillingModel, ...], billing_type: str) -> None:
    lines = tuple(line(f"L{i}", "60000.00" if i == 0 else "30000.00", model) for i, model in enumerate(models))
    assert planned(lines=lines)["project"].fields["pse__Billing_Type__c"] == billing_type


def test_percentages_of_one_line_are_paid_to_the_cent() -> None:
    percents = ("33.3333", "33.3333", "33.3333", "0.0001")
    thirds = tuple(milestone(f"M{i}", line_id="L1", percent=Decimal(percent)) for i, percent in enumerate(percents))
    steps = planned(lines=(line(amount="100.00"),), milestones=thirds)
    amounts = [Decimal(str(step.fields["pse__Milestone_Amount__c"])) for name, step in steps.items() if name.startswith("milestone:")]
    assert sum(amounts) == Decimal("100.00")


def amount_of(steps: dict[str, Step], milestone_id: str) -> object:
    return steps[f"milestone:{milestone_id}"].fields["pse__Milestone_Amount__c"]


def test_milestones_that_their_lines_cannot_pay_have_no_amount_as_the_erp_bills_none() -> None:
    steps = planned(lines=(line(amount="100.00"),), milestones=(milestone("M1", percent=Decimal(80)), milestone("M2", percent=Decimal(70))))
    assert [amount_of(steps, m) for m in ("M1", "M2")] == [None, None]


def test_a_milestone_without_a_worth_has_what_is_left() -> None:
    assert amount_of(planned(milestones=(milestone("M1"), milestone("M2", amount=None))), "M2") == "45000.00"


@pytest.mark.parametrize("model", [BillingModel.TIME_AND_MATERIALS, BillingModel.RETAINER])
def test_a_milestone_on_a_line_that_is_billed_by_time_or_month_has_no_amount(model: BillingModel) -> None:
    assert amount_of(planned(lines=(line(model=model),), milestones=(milestone("M1", line_id="L1"),)), "M1") is None


def test_an_assignment_has_the_rate_in_force_on_the_first_day_or_the_first_to_come() -> None:
    old, now, later = date(2024, 1, 1), date(2025, 1, 1), date(2025, 9, 1)
    cards = (rate("pm", "150.00", since=old, until=date(2024, 12, 31)), rate("pm", "160.00", since=now), rate("qa", "900", "DAY", since=later))
    steps = planned(rate_card=cards)
    assert [steps[f"assignment:{r}"].fields["pse__Bill_Rate__c"] for r in ("pm", "qa")] == ["160.00", "900.00"]
    assert [steps[f"assignment:{r}"].fields["pse__Daily_Bill_Rate__c"] for r in ("pm", "qa")] == [False, True]


def test_the_hash_is_of_what_is_ours_only() -> None:
    before, after = planned()["milestone:M1"], planned(milestones=(milestone("M1", amount=money("45000.01")),))["milestone:M1"]
    assert before.content_hash != after.content_hash
    assert before.content_hash == planned()["milestone:M1"].content_hash
    assert before.content(opening=True) != before.content(opening=False)


KEYS = [("C-1",), ("c-1",), ("C_1",), ("C 1",), ("ocds-h6vhtk-12/3",), ("é",), ("C-1" * 60,), ("",)]


def test_keys_are_of_safe_letters_and_never_fall_together() -> None:
    keys = [external_id("P", *parts) for parts in KEYS] + [external_id("M", "A", "B"), external_id("M", "A-B", ""), external_id("M", "A_B")]
    assert len({key.casefold() for key in keys}) == len(keys)
    assert all(len(key) <= 120 and key.replace("_", "").replace("-", "").isalnum() and key.isascii() for key in keys)
    assert external_id("P", "C-1") == "P_C-1"
