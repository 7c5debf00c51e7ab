"""The whole set-up of a contract in the PSA, in the order in which its objects refer to each other."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from services.psa_sync.domain.names import external_id, short
from services.psa_sync.domain.steps import RETIRE, Fields, Json, Step
from shared.kernel.calendar import in_force
from shared.kernel.contract import BillingModel, Contract, ContractType, Rate
from shared.kernel.milestones import Unpayable, worth
from shared.kernel.money import Money

PROJECT, MILESTONE, ASSIGNMENT = "pse__Proj__c", "pse__Milestone__c", "pse__Assignment__c"
EXTERNAL_KEY = "Throughline_Key__c"
BILLING_TYPES = {
    BillingModel.FIXED_FEE: "Fixed Price",
    BillingModel.MILESTONE: "Milestone",
    BillingModel.TIME_AND_MATERIALS: "Time and Materials",
    BillingModel.RETAINER: "Retainer",
}
_CLOSED: Fields = {"pse__Closed_for_Time_Entry__c": True, "pse__Closed_for_Expense_Entry__c": True}
_OPEN: Fields = {"pse__Closed_for_Time_Entry__c": False, "pse__Closed_for_Expense_Entry__c": False}
RETIRED: Mapping[str, Fields] = {
    PROJECT: {"pse__Stage__c": "Cancelled", "pse__Is_Active__c": False, **_CLOSED},
    MILESTONE: {"pse__Status__c": "Cancelled", **_CLOSED},
    ASSIGNMENT: {"pse__Status__c": "Cancelled", **_CLOSED},
}


def plan(contract: Contract, codes: Mapping[str, str]) -> tuple[Step, ...]:
    """Project, its milestones, an assignment for each role. A framework agreement without lines has no project. `codes`: role to resource code."""
    if contract.contract_type is ContractType.MSA and not contract.lines:
        return ()
    return (_project(contract), *_milestones(contract), *_assignments(contract, codes))


def retirement(name: str, object_name: str, key: str) -> Step:
    """Takes an object out of use. It is not deleted: time and expenses may hang on it."""
    return Step(RETIRE + name, object_name, key, RETIRED[object_name], update_only=True)


def _project(contract: Contract) -> Step:
    fields: Fields = {
        "Name": short(contract.title.strip() or contract.contract_id),
        "CurrencyIsoCode": contract.currency,
        "pse__Start_Date__c": contract.start_date.isoformat(),
        "pse__End_Date__c": contract.end_date.isoformat(),
        "pse__Billing_Type__c": _billing_type(contract),
        "pse__Is_Billable__c": True,
        "pse__Notes__c": f"Contract {contract.contract_id}, customer {contract.customer_account_id}",
    }
    return Step("project", PROJECT, _project_key(contract), fields, {"pse__Stage__c": "Planned", "pse__Is_Active__c": True, **_OPEN})


def _billing_type(contract: Contract) -> str:
    """Of the model that most of the value is billed by; a project has one type, and the ERP bills each line by its own."""
    values: dict[BillingModel, Decimal] = {}
    for line in contract.lines:
        values[line.billing_model] = values.get(line.billing_model, Decimal(0)) + line.amount.amount
    return BILLING_TYPES[max(values, key=lambda model: values[model]) if values else BillingModel.FIXED_FEE]


def _milestones(contract: Contract) -> Iterator[Step]:
    amounts = _amounts(contract)
    for milestone in contract.milestones:
        amount = amounts.get(milestone.milestone_id)
        fields: Fields = {
            "Name": short(milestone.name.strip() or milestone.milestone_id),
            "CurrencyIsoCode": contract.currency,
            "pse__Project__r": {EXTERNAL_KEY: _project_key(contract)},
            "pse__Milestone_Amount__c": _number(amount) if amount else None,
            "pse__Target_Date__c": _day(milestone.due_date),
            "pse__Include_In_Financials__c": True,
        }
        key = external_id("M", contract.contract_id, milestone.milestone_id)
        yield Step(f"milestone:{milestone.milestone_id}", MILESTONE, key, fields, {"pse__Status__c": "Planned", **_OPEN})


def _amounts(contract: Contract) -> Mapping[str, Money]:
    """What the ERP bills for each milestone. It refuses a contract that cannot be paid so, and then nothing is made up here either."""
    try:
        return worth(contract)
    except Unpayable:
        return {}


def _assignments(contract: Contract, codes: Mapping[str, str]) -> Iterator[Step]:
    for role in sorted({rate.role for rate in contract.rate_card}):
        rate = _rate(contract, role)
        fields: Fields = {
            "Name": short(f"{role}, {contract.title.strip() or contract.contract_id}"),
            "CurrencyIsoCode": rate.rate.currency,
            "pse__Project__r": {EXTERNAL_KEY: _project_key(contract)},
            "pse__Resource__r": {EXTERNAL_KEY: codes[role]},
            "pse__Role__c": role,
            "pse__Bill_Rate__c": _number(rate.rate),
            "pse__Daily_Bill_Rate__c": rate.unit == "DAY",
            "pse__Is_Billable__c": True,
            "pse__Start_Date__c": contract.start_date.isoformat(),
            "pse__End_Date__c": contract.end_date.isoformat(),
        }
        key = external_id("A", contract.contract_id, role)
        yield Step(f"assignment:{role}", ASSIGNMENT, key, fields, {"pse__Status__c": "Scheduled", **_OPEN})


def _rate(contract: Contract, role: str) -> Rate:
    """The rate in force on the first day, else the first to come."""
    rates = [rate for rate in contract.rate_card if rate.role == role]
    return in_force(rates, contract.start_date) or min(rates, key=lambda rate: rate.effective_from)


def _project_key(contract: Contract) -> str:
    return external_id("P", contract.contract_id)


def _number(amount: Money) -> str:
    return format(amount.rounded().amount, "f")


def _day(day: date | None) -> Json:
    return day.isoformat() if day else None
