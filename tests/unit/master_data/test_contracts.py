"""A contract is ready when everything about it is known; else it waits for what is missing, by name."""

from datetime import date, timedelta

import pytest

from shared.messages.common import Wait
from shared.messages.contract import ContractStatus, Place
from shared.messages.engagement import Address, ReadyStatus
from shared.runtime.decision import Outcome
from tests.unit.master_data.stage import T0, Stage, account, code, contract, entity, mapping, rates, route, service, tax


def test_a_contract_with_everything_known_is_ready() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), code("architect"), contract(rate_card=rates("architect", "architect")))
    ready = stage.last("C-1")
    assert (ready.status, ready.waits, ready.cause) == (ReadyStatus.READY, (), None)
    found = ready.engagement
    assert found is not None
    assert (found.tenant, found.unit_key, found.legal_entity.code, found.legal_entity.subsidiary) == ("netsuite-emea", "BU-17", "FR01", "7")
    assert found.customer == found.bill_to == found.ultimate_parent
    assert [(c.role, c.code) for c in found.resource_codes] == [("architect", "ARC")]
    assert found.place_of_supply == Place(country="FR")
    assert found.tax is None


def test_everything_missing_is_named_at_once_in_its_queue() -> None:
    stage = Stage()
    decision = stage.feed(contract(bill_to_account_id="ACC-9"))
    assert decision.outcome is Outcome.WAITING
    assert [(w.key, w.queue) for w in decision.waits] == [
        ("account:ACC-1", "sales operations"), ("account:ACC-9", "sales operations"), ("erp_route:BU-17@emea", "master data"),
    ]  # fmt: skip
    assert all(wait.value is not None and wait.value.currency == "EUR" for wait in decision.waits)
    assert stage.last("C-1").status is ReadyStatus.WAITING
    stage.feed(route(), contract(2, rate_card=rates("tester", "architect")))
    keys = ["account:ACC-1", "legal_entity:BU-17@netsuite-emea", "resource_code:architect@netsuite-emea", "resource_code:tester@netsuite-emea"]
    assert [wait.key for wait in stage.last("C-1").waits] == keys


def test_a_wait_keeps_the_time_it_began() -> None:
    stage = Stage()
    stage.feed(contract(), account(), route())
    began = {wait.key: wait.since for wait in stage.last("C-1").waits}
    assert began == {"legal_entity:BU-17@netsuite-emea": T0 + timedelta(minutes=4)}
    stage.feed(contract(2))
    assert {wait.key: wait.since for wait in stage.last("C-1").waits} == began


def test_the_selling_entity_is_found_by_its_own_name_before_the_business_unit() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), entity("ACME-DE", code="DE01"), contract(selling_entity="ACME-DE"))
    found = stage.last("C-1").engagement
    assert found is not None
    assert (found.unit_key, found.legal_entity.code) == ("ACME-DE", "DE01")


def test_a_route_made_for_one_selling_entity_goes_before_the_one_for_all() -> None:
    stage = Stage()
    special = mapping("erp_route:BU-17@emea", minute=1, tenant="netsuite-dach", legal_entity="ACME-DE")
    stage.feed(account(), route(), special, entity(), entity("ACME-DE", "netsuite-dach"))
    stage.feed(contract(selling_entity="ACME-DE"), contract(contract_id="C-2"))
    tenants = [e.tenant for c in ("C-1", "C-2") if (e := stage.last(c).engagement)]
    assert tenants == ["netsuite-dach", "netsuite-emea"]


@pytest.mark.parametrize(
    ("first_day", "tenant"),
    [(date(2024, 12, 31), "netsuite-old"), (date(2025, 1, 1), "netsuite-emea"), (date(2019, 12, 31), None)],
)
def test_the_route_in_force_on_the_first_day_decides(first_day: date, tenant: str | None) -> None:
    stage = Stage()
    stage.feed(route(tenant="netsuite-old", until=date(2024, 12, 31)), route(since=date(2025, 1, 1)))
    stage.feed(account(), entity(), entity(tenant="netsuite-old"), contract(start_date=first_day))
    ready = stage.last("C-1")
    assert (ready.engagement.tenant if ready.engagement else None) == tenant
    if tenant is None:
        assert ready.waits[0].key == "erp_route:BU-17@emea"
        assert "2019-12-31" in ready.waits[0].reason


@pytest.mark.parametrize(("of_contract", "of_account", "billed"), [("ACC-8", "ACC-9", "ACC-8"), (None, "ACC-9", "ACC-9"), (None, None, "ACC-1")])
def test_the_bill_goes_to_the_contracts_choice_then_the_accounts_then_the_customer(
    of_contract: str | None, of_account: str | None, billed: str
) -> None:
    stage = Stage()
    stage.feed(account(bill_to_account_id=of_account), account("ACC-8"), account("ACC-9"), route(), entity())
    stage.feed(contract(bill_to_account_id=of_contract))
    found = stage.last("C-1").engagement
    assert found is not None
    assert found.bill_to.account_id == billed


def test_tax_is_asked_for_only_where_the_tenant_requires_it() -> None:
    stage = Stage(service("netsuite-emea"))
    stage.feed(account(), route(), entity(), contract())
    assert [(w.key, w.queue) for w in stage.last("C-1").waits] == [("tax:FR@netsuite-emea", "tax")]
    stage.feed(tax())
    found = stage.last("C-1").engagement
    assert found is not None
    assert found.tax is not None
    assert (found.tax.treatment, found.tax.tax_code) == ("STANDARD", "VAT20")


def test_tax_of_a_customer_without_a_country_waits_for_its_address() -> None:
    stage = Stage(service("netsuite-emea"))
    stage.feed(account(address=None), route(), entity(), tax(), contract())
    assert [wait.key for wait in stage.last("C-1").waits] == ["account:ACC-1"]
    stage.feed(account(minute=1, address=Address(country="FR")))
    assert stage.last("C-1").status is ReadyStatus.READY


@pytest.mark.parametrize("status", [ContractStatus.DRAFT, ContractStatus.IN_APPROVAL])
def test_a_contract_that_is_not_approved_says_nothing(status: ContractStatus) -> None:
    stage = Stage()
    decision = stage.feed(contract(status=status))
    assert (decision.outcome, decision.waits, stage.emitted) == (Outcome.APPLIED, (), [])


def test_an_approved_contract_that_waits_upstream_says_nothing() -> None:
    stage = Stage()
    stage.feed(contract(waits=(Wait(key="approval:C-1/legal", queue="legal", reason="needs legal", since=T0),)))
    assert stage.emitted == []


def test_a_change_order_under_approval_does_not_stop_the_revision_before_it() -> None:
    stage = Stage()
    stage.feed(account(), route(), contract(), contract(2, status=ContractStatus.IN_APPROVAL), entity())
    assert (stage.last("C-1").status, stage.last("C-1").revision) == (ReadyStatus.READY, 1)
    stage.feed(contract(2))
    assert (stage.last("C-1").status, stage.last("C-1").revision) == (ReadyStatus.READY, 2)


def test_a_revision_taken_back_waits_no_longer() -> None:
    stage = Stage()
    stage.feed(account(), route(), contract())
    decision = stage.feed(contract(status=ContractStatus.IN_APPROVAL))
    assert decision.waits == ()
    stage.feed(entity())
    assert stage.last("C-1").status is ReadyStatus.WAITING


def test_a_cancelled_contract_is_closed_where_it_was_set_up() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), contract(), contract(status=ContractStatus.CANCELLED))
    closed = stage.last("C-1")
    assert (closed.status, closed.contract.status) == (ReadyStatus.CLOSED, ContractStatus.CANCELLED)
    assert closed.engagement == stage.emitted[0].engagement


def test_what_was_said_is_not_said_again_but_a_new_revision_is() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), contract())
    assert stage.feed(contract()).outcome is Outcome.DUPLICATE
    assert stage.feed(contract(event_id="another")).emits == ()
    assert len(stage.feed(contract(2)).emits) == 1
    assert stage.feed(contract(1)).outcome is Outcome.SUPERSEDED
    assert len({ready.event_id for ready in stage.emitted}) == len(stage.emitted) == 2


def test_saying_the_same_again_after_something_else_is_a_new_event() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), contract(), contract(status=ContractStatus.CANCELLED), contract(event_id="reinstated"))
    assert [ready.status for ready in stage.emitted] == [ReadyStatus.READY, ReadyStatus.CLOSED, ReadyStatus.READY]
    assert len({ready.event_id for ready in stage.emitted}) == 3


def test_a_mapping_that_changes_later_leaves_ready_contracts_alone() -> None:
    stage = Stage()
    stage.feed(account(), route(), entity(), contract(), entity(minute=5, code="FR02"))
    assert len(stage.emitted) == 1
    stage.feed(contract(2))
    found = stage.last("C-1").engagement
    assert found is not None
    assert found.legal_entity.code == "FR02"


def test_the_record_that_led_to_an_event_is_named() -> None:
    stage = Stage()
    stage.feed(contract())
    origin = stage.last("C-1").origin
    assert origin is not None
    assert (origin.topic, origin.event_id) == ("contract.state.v1", "C-1-r1-APPROVED")
    stage.feed(account())
    assert stage.last("C-1").origin is None
    assert "account:ACC-1 was supplied" in stage.last("C-1").summary
