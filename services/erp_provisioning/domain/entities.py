"""Customers, projects and tasks as NetSuite records."""

import re
from collections.abc import Iterator
from datetime import date

from services.erp_provisioning.domain import names
from services.erp_provisioning.domain.steps import Body, Json, Step, choice, ref
from shared.kernel.contract import BillingModel, Contract, Line, Milestone
from shared.kernel.engagement import Account, Address, Engagement
from shared.kernel.milestones import billed_lines
from shared.kernel.money import Money

# The vendor publishes the numbers 1 to 5 without their names; these are its five billing types in the order that its guide lists them.
CHARGE_BASED, FIXED_BID_INTERVAL, FIXED_BID_MILESTONE, TIME_AND_MATERIALS = "1", "2", "3", "5"
_COUNTRY = re.compile("[A-Z]{2}")


def billing_type(contract: Contract) -> str:
    """How the project bills. Lines that bill differently are met by charges only."""
    models = {line.billing_model for line in billed_lines(contract)}
    if models <= {BillingModel.FIXED_FEE, BillingModel.MILESTONE}:
        return FIXED_BID_MILESTONE
    if models == {BillingModel.RETAINER}:
        return FIXED_BID_INTERVAL
    return TIME_AND_MATERIALS if models == {BillingModel.TIME_AND_MATERIALS} else CHARGE_BASED


def text(money: Money) -> str:
    """To the currency's minor units."""
    return format(money.rounded().amount, "f")


def customer(name: str, account: Account, engagement: Engagement, parent: Account | None) -> Step:
    """What depends on one contract (currency, terms, tax) is left out: the contracts of a customer would overwrite each other's."""
    key = names.customer_id(account.account_id, engagement)
    body: dict[str, Json] = {
        "companyName": names.short(account.name.strip() or account.account_id),
        "entityId": key,
        "accountNumber": account.account_id,
        "isPerson": False,
        "subsidiary": {"id": engagement.legal_entity.subsidiary},
        "parent": ref(names.customer_id(parent.account_id, engagement)) if parent else None,
        "isInactive": False,
    }
    if account.address is None:
        return Step(name, engagement.tenant, "customer", key, body)
    body["addressBook"] = {"items": [{"addressBookAddress": _address(account, account.address)}]}
    return Step(name, engagement.tenant, "customer", key, body, replace=("addressBook",))


def _address(account: Account, address: Address) -> Body:
    country = address.country if address.country and _COUNTRY.fullmatch(address.country) else None
    told = {
        "addressee": names.short(account.name),
        "addr1": address.street,
        "city": address.city,
        "state": address.region,
        "zip": address.postal_code,
        "country": country,
    }
    return {field: value for field, value in told.items() if value}


def project(contract: Contract, engagement: Engagement) -> Step:
    key = names.project_id(contract)
    body: Body = {
        "companyName": names.short(contract.title.strip() or contract.contract_id),
        "entityId": key,
        "subsidiary": {"id": engagement.legal_entity.subsidiary},
        "parent": ref(names.customer_id(engagement.customer.account_id, engagement)),
        "currency": ref(contract.currency),
        "startDate": contract.start_date.isoformat(),
        "projectedEndDate": contract.end_date.isoformat(),
        "jobBillingType": choice(billing_type(contract)),
        "jobPrice": text(contract.total_value),
        "allowExpenses": bool(contract.expense_policy and contract.expense_policy.reimbursable),
        "comments": "\n".join(_remarks(contract)) or None,
        "isInactive": False,
    }
    return Step("project", engagement.tenant, "job", key, body)


def _remarks(contract: Contract) -> Iterator[str]:
    """What has no field of its own: the vendor keeps caps on charge rules, which its REST interface does not offer."""
    if contract.title != names.short(contract.title):
        yield contract.title
    if contract.purchase_order:
        yield f"Purchase order {contract.purchase_order}"
    if contract.not_to_exceed is not None:
        yield f"Not to exceed {text(contract.not_to_exceed)} {contract.currency}"
    for line in contract.lines:
        if line.cap is not None:
            yield f"Line {line.line_id} not to exceed {text(line.cap)} {contract.currency}"


def tasks(contract: Contract, engagement: Engagement) -> Iterator[Step]:
    """A task for each line, and one below it for each of its milestones."""
    lines = billed_lines(contract)
    known = {line.line_id for line in lines}
    for line in lines:
        yield _line_task(contract, engagement, line)
    for milestone in contract.milestones:
        name = milestone.milestone_id if milestone.milestone_id not in known else f"milestone {milestone.milestone_id}"
        parent = names.line_task_id(contract, milestone.line_id) if milestone.line_id in known and milestone.line_id else None
        yield _milestone_task(contract, engagement, milestone, f"task:{name}", parent)


def _line_task(contract: Contract, engagement: Engagement, line: Line) -> Step:
    start, end = line.start_date or contract.start_date, line.end_date or contract.end_date
    title = line.description.strip() or line.line_id
    key = names.line_task_id(contract, line.line_id)
    return Step(f"task:{line.line_id}", engagement.tenant, "projectTask", key, _task(contract, title, None, start, end, done=False))


def _milestone_task(contract: Contract, engagement: Engagement, milestone: Milestone, name: str, parent: str | None) -> Step:
    day = milestone.due_date or contract.end_date
    title = milestone.name.strip() or milestone.milestone_id
    body = _task(contract, title, parent, min(contract.start_date, day), day, done=milestone.accepted_on is not None)
    return Step(name, engagement.tenant, "projectTask", names.milestone_task_id(contract, milestone.milestone_id), body)


def _task(contract: Contract, title: str, parent: str | None, start: date, end: date, *, done: bool) -> Body:
    return {
        "project": ref(names.project_id(contract)),
        "title": names.short(title),
        "parent": ref(parent) if parent else None,
        "constraintType": choice("FIXEDSTART"),
        "startDateTime": f"{start.isoformat()}T00:00:00Z",
        "finishByDate": end.isoformat(),
        "status": choice("COMPLETE" if done else "NOTSTART"),
        "nonBillableTask": False,
        "isInactive": False,
    }
