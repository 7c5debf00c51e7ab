"""Billing and revenue schedules as NetSuite records."""

from services.erp_provisioning.domain import names
from services.erp_provisioning.domain.amounts import Due, fixed_dues, monthly_dues, revenue_dues
from services.erp_provisioning.domain.entities import TIME_AND_MATERIALS, billing_type, text
from services.erp_provisioning.domain.steps import Body, Json, Step, choice, ref
from shared.kernel.contract import Contract, RevenueMethod
from shared.kernel.engagement import Engagement

# (amortizationType, recurrenceType): the same each period, or as recorded period by period; how the amount is spread over the dates.
_RECOGNITION = {
    RevenueMethod.STRAIGHT_LINE: ("STANDARD", "DATESPRORATE"),
    RevenueMethod.POINT_IN_TIME: ("STANDARD", "DATESINTOPERIODS"),
    RevenueMethod.PERCENT_COMPLETE: ("VARIABLE", "EVENPERIODSPRORATE"),
    RevenueMethod.MILESTONE: ("VARIABLE", "CUSTOM"),
}


def billing_schedule(contract: Contract, engagement: Engagement) -> Step:
    """Fixed amounts as milestones, retainers as monthly recurrences, time and materials as billing for actuals.

    The amounts in it and the time-and-materials lines add up to the contract's value. Raises Unplannable.
    """
    fixed, monthly = fixed_dues(contract), monthly_dues(contract)
    kind = billing_type(contract)
    by_time = kind == TIME_AND_MATERIALS
    body: Body = {
        "name": names.short(f"{contract.contract_id} {contract.title}".strip()),
        "job": ref(names.project_id(contract)),
        "scheduleType": choice(kind),
        "frequency": choice(_frequency(fixed, monthly)),
        "inArrears": by_time,
        "billForActuals": by_time,
        "initialAmount": None if by_time else "0",  # the vendor refuses an initial amount beside billing for actuals
        "initialTerms": ref(names.terms_id(contract.payment_terms)) if contract.payment_terms else None,
        "numberRemaining": len(monthly) or None,
        "milestone": {"items": [_milestone(due) for due in fixed]},
        "recurrence": {"items": [_month(due) for due in monthly]},
        "isPublic": False,
        "isInactive": False,
    }
    key = names.external_id("B", contract.contract_id)
    return Step("billing-schedule", engagement.tenant, "billingSchedule", key, body, replace=("milestone", "recurrence"))


def _frequency(fixed: tuple[Due, ...], monthly: tuple[Due, ...]) -> str:
    if not fixed:
        return "MONTHLY"
    return "ONETIME" if len(fixed) == 1 and not monthly else "CUSTOM"


def _milestone(due: Due) -> Body:
    item: dict[str, Json] = {
        "milestoneAmount": text(due.amount),
        "milestoneDate": due.day.isoformat(),
        "projectTask": ref(due.task),
        "milestoneCompleted": due.accepted_on is not None,
        "comments": due.name,
    }
    if due.accepted_on is not None:
        item["milestoneActualCompletionDate"] = due.accepted_on.isoformat()
    return item


def _month(due: Due) -> Body:
    return {"amount": text(due.amount), "count": 1, "units": choice("MONTH"), "recurrenceDate": due.day.isoformat()}


def revenue_schedule(contract: Contract, engagement: Engagement) -> Step:
    """How the value is recognised. Percent complete is an estimate here: what is recognised follows the work, in the PSA's facts."""
    amortization, recurrence = _RECOGNITION[contract.revenue_method]
    at_once = contract.revenue_method is RevenueMethod.POINT_IN_TIME
    dues = revenue_dues(contract) if contract.revenue_method is RevenueMethod.MILESTONE else ()
    body: Body = {
        "name": names.short(f"{contract.contract_id} {contract.title}".strip()),
        "job": ref(names.project_id(contract)),
        "startDate": (contract.end_date if at_once else contract.start_date).isoformat(),
        "endDate": contract.end_date.isoformat(),
        "amortizationType": choice(amortization),
        "recurrenceType": choice(recurrence),
        "recogIntervalSrc": choice("USERDEFINED"),
        "totalAmount": text(contract.total_value),
        "recurrence": {"items": [{"recurDate": due.day.isoformat(), "recAmount": text(due.amount)} for due in dues]},
        "isEstimate": contract.revenue_method is RevenueMethod.PERCENT_COMPLETE,
        "isInactive": False,
    }
    key = names.external_id("R", contract.contract_id)
    return Step("revenue-schedule", engagement.tenant, "revRecSchedule", key, body, replace=("recurrence",))
