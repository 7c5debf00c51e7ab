"""The demo firm's lines are what the door takes, and make sound contracts that end approved."""

from decimal import Decimal

import pytest

from deploy.embedded.demo import scenario
from deploy.embedded.demo.watch import active, stuck, told
from services.contract_events.domain.decide import Verdict, take
from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.lineage import Lineage
from services.contract_events.policy import DEFAULT
from services.contract_events.web.items import account_parcel, contract_parcel, mapping_parcel
from shared.kernel.contract import BillingModel, ContractStatus
from shared.messages.reshape import reshape
from shared.messages.source import SourceAccount, SourceMapping
from tests.unit.contract_events.examples import NOW

FIRM = scenario.firm()


def event(line: bytes) -> ContractEvent:
    return reshape(contract_parcel(line).message, ContractEvent)


def lineages() -> dict[str, Lineage]:
    found = {key: Lineage(contract_id=key) for key in FIRM.contracts}
    early, *others = FIRM.amendments
    lines = [scenario.amendment(FIRM, early)]
    lines += [scenario.contract(FIRM, key) for key in FIRM.contracts]
    lines += [scenario.amendment(FIRM, key) for key in others]
    for line in [*lines, *scenario.late_approvals(FIRM)]:
        told = event(line)
        step = take(found[told.contract_id], told, DEFAULT, NOW)
        assert step.cause is None, step.cause
        found[told.contract_id] = step.lineage
    return found


def test_every_contract_ends_approved() -> None:
    assert {lineage.current.status for lineage in lineages().values() if lineage.current} == {ContractStatus.APPROVED}


def test_there_are_forty_odd_contracts_with_every_type_and_billing_model() -> None:
    contracts = [lineage.current for lineage in lineages().values() if lineage.current]
    assert len(contracts) == 43
    assert {contract.contract_type.value for contract in contracts} == {"MSA", "SOW", "CHANGE_ORDER"}
    assert {line.billing_model for contract in contracts for line in contract.lines} == set(BillingModel)
    assert {contract.region for contract in contracts} == {"emea", "americas", "apac"}


def test_lines_make_the_value_of_their_contract_also_after_its_change_orders() -> None:
    for lineage in lineages().values():
        assert lineage.current is not None
        assert sum((line.amount.amount for line in lineage.current.lines), Decimal(0)) == lineage.current.total_value.amount


def test_everything_a_contract_needs_is_supplied_but_one_company() -> None:
    accounts = {parcel.key for parcel in map(account_parcel, scenario.accounts(FIRM))}
    early, late = scenario.entities(FIRM, late=False), scenario.entities(FIRM, late=True)
    keys = {mapping_parcel(line).key for line in (*scenario.routes(FIRM), *early.values())}
    assert set(late) == {"legal_entity:HB-PTE@netsuite-apac"}
    for key, lineage in lineages().items():
        contract = lineage.current
        assert contract is not None
        tenant = FIRM.units[contract.business_unit]["tenant"]
        assert contract.customer_account_id in accounts
        assert f"erp_route:{contract.business_unit}@{contract.region}" in keys
        assert {f"resource_code:{rate.role}@{tenant}" for rate in contract.rate_card} <= keys
        assert (f"legal_entity:{contract.selling_entity}@{tenant}" in keys) is not FIRM.late(key)


def test_accounts_name_parents_that_exist() -> None:
    messages = [account_parcel(line).message for line in scenario.accounts(FIRM)]
    for message in messages:
        assert isinstance(message, SourceAccount)
        assert {message.parent_id, message.bill_to_account_id} - {None} <= FIRM.accounts.keys()


def test_a_contract_told_again_is_a_duplicate() -> None:
    for line in (scenario.contract(FIRM, "ADV-105"), scenario.contract(FIRM, "ADV-105", seen_at=scenario.SIGNED_BEFORE)):
        assert take(lineages()["ADV-105"], event(line), DEFAULT, NOW).verdict is Verdict.DUPLICATE


def test_mapping_lines_say_what_their_kind_needs() -> None:
    message = mapping_parcel(scenario.entities(FIRM, late=True)["legal_entity:HB-PTE@netsuite-apac"]).message
    assert isinstance(message, SourceMapping)
    assert message.values == {"code": "HB-PTE", "name": "Halden & Brook Pte. Ltd.", "subsidiary": "3"}


LINES = {
    "A": {"stage": "ACTIVE", "condition": "FLOWING"},
    "B": {"stage": "APPROVED", "condition": "WAITING"},
    "C": {"stage": "IN_ERP", "condition": "FLOWING"},
}


def test_what_is_seen_is_told_in_words() -> None:
    assert told(LINES) == "1 in the ERP · 1 active · 1 waiting"
    assert told({}) == "nothing yet"
    assert [key for key, line in LINES.items() if active(line)] == ["A"]
    assert [key for key, line in LINES.items() if stuck(line)] == ["B"]


def test_an_amendment_that_takes_away_makes_its_line_smaller() -> None:
    current = lineages()["ENG-203"].current
    assert current is not None
    assert [line.amount.amount for line in current.lines] == [Decimal(150000)]


@pytest.mark.parametrize("contract_id", FIRM.contracts)
def test_every_contract_names_an_agreement_that_exists(contract_id: str) -> None:
    assert FIRM.contracts[contract_id].get("under") in {None, *FIRM.contracts}
