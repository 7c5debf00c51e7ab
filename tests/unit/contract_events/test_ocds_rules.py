"""Rules for reading publications, each on the smallest release that shows it."""

from decimal import Decimal
from typing import Any

import pytest

from services.contract_events.domain.ocds.facts import Publication
from services.contract_events.domain.ocds.publications import read_publication
from services.contract_events.policy import DEFAULT
from shared.kernel.contract import Contract, ContractStatus
from shared.kernel.money import Money


def a_release(**contract: Any) -> dict[str, Any]:
    body = {
        "id": "c1",
        "status": "active",
        "value": {"amount": 10, "currency": "EUR"},
        "period": {"startDate": "2020-01-01", "endDate": "2020-12-31"},
    }
    return {
        "ocid": "ocds-abc123-1",
        "date": "2020-02-02T00:00:00Z",
        "buyer": {"id": "B1", "name": "Town"},
        "contracts": [{key: value for key, value in (body | contract).items() if value is not ...}],
    }


def read(document: object) -> Publication:
    return read_publication(document, DEFAULT, derive_mappings=True)


def one(document: object) -> Contract:
    ((event,),) = [taken.events for taken in read(document).taken]
    assert event.contract is not None
    return event.contract


def rule(contract: Contract, field: str) -> str | None:
    return next((mark.rule for mark in contract.inferred if mark.field == field), None)


RELEASE = a_release()
SHAPES = {
    "bare release": RELEASE,
    "package": {"publisher": {"uri": "https://publisher.example"}, "releases": [RELEASE]},
    "array of packages": [{"releases": [RELEASE]}],
    "line with the release under package": {"source_path": "x", "package": RELEASE},
    "record with its compiled release": {"records": [{"ocid": "ocds-abc123-1", "compiledRelease": RELEASE}]},
    "record whose releases are only linked to": {"ocid": "ocds-abc123-1", "releases": [{"url": "x", "date": "2020"}], "compiledRelease": RELEASE},
    "bare record": {"ocid": "ocds-abc123-1", "releases": [RELEASE]},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_contract_is_the_same_in_every_shape_it_is_published_in(shape: str) -> None:
    assert one(SHAPES[shape]) == one(RELEASE)


REFUSED: dict[str, dict[str, Any]] = {
    "missing-value": {"value": {"currency": "EUR"}},
    "missing-currency": {"value": {"amount": 1}},
    "unknown-currency": {"value": {"amount": 1, "currency": "EURO"}},
    "negative-amount": {"value": {"amount": -1, "currency": "EUR"}},
    "missing-period": {"period": {"startDate": "2020-01-01"}},
    "end-before-start": {"period": {"startDate": "2020-01-02", "endDate": "2020-01-01"}},
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_taken_is_named_with_its_reason(code: str) -> None:
    publication = read(a_release(**REFUSED[code]))
    assert [(r.contract_id, r.code) for r in publication.refused] == [("ocds-abc123-1/c1", code)]
    assert publication.taken == ()


def test_a_release_without_a_buyer_is_refused() -> None:
    assert [r.code for r in read(a_release() | {"buyer": None}).refused] == ["missing-buyer"]


@pytest.mark.parametrize("amount", ["NaN", "1e400", True, {}, "twelve"])
def test_a_value_that_is_no_number_is_missing(amount: object) -> None:
    assert [r.code for r in read(a_release(value={"amount": amount, "currency": "EUR"})).refused] == ["missing-value"]


def test_a_currency_in_lower_case_is_taken() -> None:
    assert one(a_release(value={"amount": 1, "currency": "eur"})).currency == "EUR"


def test_an_amount_finer_than_its_currency_is_rounded_and_marked() -> None:
    contract = one(a_release(value={"amount": Decimal("10.005"), "currency": "EUR"}))
    assert contract.total_value.amount == Decimal("10.00")
    assert rule(contract, "total_value") == "10.005 rounded to the 2 digits that EUR is paid in"


def test_numbered_entries_finer_than_their_currency_add_up_to_the_contract_s_value() -> None:
    entries = (f"amendmentNumber: {n:03}, awardDate: 2020-01-0{n + 1}, expiryDate: 2020-12-31, value: 10.005" for n in range(2))
    value = {"amount": Decimal("20.01"), "currency": "EUR"}
    ((base, order),) = [taken.events for taken in read(a_release(value=value, amendment={"rationale": "|".join(entries)})).taken]
    assert base.contract is not None
    assert order.amendment is not None
    assert base.contract.total_value + order.amendment.value_delta == order.amendment.lines[0].amount == Money(Decimal("20.01"), "EUR")


def test_a_duration_begins_on_the_day_it_was_signed() -> None:
    contract = one(a_release(period={"durationInDays": 10}, dateSigned="2020-01-05T00:00:00Z"))
    assert (str(contract.start_date), str(contract.end_date)) == ("2020-01-05", "2020-01-14")
    assert rule(contract, "start_date") == "begins on the day it was signed"


def test_the_period_of_the_award_stands_in_for_a_missing_one() -> None:
    release = a_release(period=..., awardID="a1")
    release["awards"] = [{"id": "a1", "contractPeriod": {"startDate": "2020-03-01", "endDate": "2020-04-01"}}]
    contract = one(release)
    assert (str(contract.start_date), rule(contract, "period")) == ("2020-03-01", "contract period of its award")


STATUSES = [
    ("active", ContractStatus.APPROVED, 2),
    ("terminated", ContractStatus.APPROVED, 2),
    ("pending", ContractStatus.IN_APPROVAL, 0),
    ("cancelled", ContractStatus.CANCELLED, 0),
    ("odd", ContractStatus.APPROVED, 2),
]


@pytest.mark.parametrize(("published", "status", "approvals"), STATUSES)
def test_a_published_status_says_how_far_the_agreement_is(published: str, status: ContractStatus, approvals: int) -> None:
    contract = one(a_release(status=published))
    assert (contract.status, len(contract.approvals)) == (status, approvals)


def test_two_contracts_of_one_id_are_told_apart_by_their_award_or_their_order() -> None:
    release = a_release()
    contract = release["contracts"][0]
    release["contracts"] = [contract | {"awardID": "a1"}, contract | {"awardID": "a2"}, contract, contract]
    assert [taken.contract_id for taken in read(release).taken] == [
        "ocds-abc123-1/c1/a1",
        "ocds-abc123-1/c1/a2",
        "ocds-abc123-1/c1",
        "ocds-abc123-1/c1#2",
    ]


def test_a_buyer_is_the_same_account_however_a_release_writes_it() -> None:
    identifier = {"scheme": "MX-RFC", "id": "77", "legalName": "Town Hall"}
    apart = a_release() | {"buyer": {"id": "MX-RFC-77"}, "parties": [{"id": "MX-RFC-77", "identifier": identifier}]}
    within = a_release() | {"buyer": {"identifier": identifier}}
    assert read(apart).accounts[0].account_id == read(within).accounts[0].account_id == "MX-RFC-77"
    assert (read(within).accounts[0].name, one(within).region) == ("Town Hall", "americas")


def test_an_unknown_country_implies_no_mappings() -> None:
    assert one(RELEASE).region == "unknown"
    assert read(RELEASE).mappings == ()


def test_what_is_no_publication_holds_no_release() -> None:
    assert read({"hello": "world"}).releases == 0
    assert read([1, None, "x"]).releases == 0
