"""Reports that are wrong in themselves, each with its code."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from services.contract_events.domain.events import ContractEvent, Kind
from services.contract_events.domain.rules import violation
from shared.kernel.contract import Milestone, Rate
from shared.kernel.money import Money
from tests.unit.contract_events.examples import a_contract, an_amendment, at, changed, eur, stated

LINE = a_contract().lines[0]
WRONG = {
    "unknown-currency": stated(a_contract(currency="XXQ", total_value=Money(Decimal(1), "XXQ"))),
    "negative-amount": stated(a_contract(total_value=eur(-1))),
    "end-before-start": stated(a_contract(end_date=date(2025, 1, 1))),
    "currency-mismatch": stated(a_contract(total_value=Money(Decimal(1), "USD"))),
    "amount-too-fine": stated(a_contract(total_value=eur("10.005"))),
    "percent-out-of-range": stated(a_contract(milestones=(Milestone(milestone_id="M", name="Go-live", percent=Decimal(101)),))),
    "repeated-line": stated(a_contract(lines=(LINE, LINE))),
    "unknown-line": stated(a_contract(milestones=(Milestone(milestone_id="M", line_id="9", name="Go-live"),))),
    "contract-id-mismatch": stated(a_contract(contract_id="C-2")),
    "missing-body": ContractEvent(event_id="e", occurred_at=at(1), source="clm", contract_id="C-1", kind=Kind.AMENDMENT),
}


@pytest.mark.parametrize("code", WRONG)
def test_a_broken_rule_is_named_by_its_code(code: str) -> None:
    cause = violation(WRONG[code])
    assert cause is not None
    assert cause.code == code


def test_a_sound_report_breaks_no_rule() -> None:
    assert violation(stated()) is None
    assert violation(changed(an_amendment(delta=-5))) is None


def test_a_line_or_a_rate_can_be_what_is_wrong() -> None:
    backwards = replace(LINE, start_date=date(2026, 5, 1), end_date=date(2026, 4, 1))
    free = Rate(role="consultant", rate=eur(-1), unit="HOUR", effective_from=date(2026, 1, 1))
    causes = [violation(stated(a_contract(lines=(backwards,)))), violation(stated(a_contract(rate_card=(free,))))]
    assert [cause.code for cause in causes if cause] == ["end-before-start", "negative-amount"]


def test_causes_that_differ_in_their_numbers_only_are_grouped() -> None:
    one, other = violation(stated(a_contract(total_value=eur(-1)))), violation(stated(a_contract(total_value=eur(-2))))
    assert one is not None
    assert other is not None
    assert one.fingerprint == other.fingerprint
