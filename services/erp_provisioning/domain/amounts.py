"""What is billed when: a contract's value laid out over lines, milestones and months, to the last cent."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.erp_provisioning.domain.names import line_task_id, milestone_task_id
from services.erp_provisioning.domain.steps import Unplannable
from shared.kernel.contract import BillingModel, Contract, Line, Milestone
from shared.kernel.milestones import Payment, Unpayable, payments
from shared.kernel.money import Money, allocate

_MONTHS_AT_MOST = 1_200


@dataclass(frozen=True, slots=True)
class Due:
    """`amount` falls due on `day`, for the task with key `task`."""

    task: str
    name: str
    amount: Money
    day: date
    accepted_on: date | None = None


def fixed_dues(contract: Contract) -> tuple[Due, ...]:
    """What fixed-fee and milestone lines are paid: by their milestones, or at the line's end. Sums to those lines exactly.

    A milestone on a line that is billed by time or by the month is a task, and no due. Raises Unplannable.
    """
    try:
        return tuple(due for payment in payments(contract) for due in _dues(contract, payment))
    except Unpayable as problem:
        raise Unplannable(problem.code, str(problem)) from problem


def monthly_dues(contract: Contract) -> tuple[Due, ...]:
    """What retainer lines are paid at the beginning of each month of their period; equal but for the odd cents."""
    retainers = (line for line in contract.lines if line.billing_model is BillingModel.RETAINER)
    return tuple(due for line in retainers for due in _months(contract, line))


def revenue_dues(contract: Contract) -> tuple[Due, ...]:
    """Everything on the day that it is earned at the latest: the dues, and each time-and-materials line at its end. Sums to the value."""
    by_time = tuple(
        Due(line_task_id(contract, line.line_id), line.description, line.amount, line.end_date or contract.end_date)
        for line in contract.lines
        if line.billing_model is BillingModel.TIME_AND_MATERIALS
    )
    return fixed_dues(contract) + monthly_dues(contract) + by_time


def _dues(contract: Contract, payment: Payment) -> list[Due]:
    end, first = max(line.end_date or contract.end_date for line in payment.lines), payment.lines[0]
    dues = [_due(contract, milestone, amount, end) for milestone, amount in payment.worth]
    if payment.rest.amount or not dues:
        dues.append(Due(line_task_id(contract, first.line_id), first.description, payment.rest, end))
    return dues


def _due(contract: Contract, milestone: Milestone, amount: Money, end: date) -> Due:
    task = milestone_task_id(contract, milestone.milestone_id)
    return Due(task, milestone.name, amount, milestone.due_date or end, milestone.accepted_on)


def _months(contract: Contract, line: Line) -> list[Due]:
    start, end = line.start_date or contract.start_date, line.end_date or contract.end_date
    count = max(1, (end.year - start.year) * 12 + end.month - start.month + (end.day >= start.day))
    if count > _MONTHS_AT_MOST:
        raise Unplannable(
            "period-too-long",
            f"line {line.line_id!r} of contract {contract.contract_id!r} is a retainer over {count} months; correct its first or last day",
        )
    amounts = allocate(line.amount, [Decimal(1)] * count)
    task = line_task_id(contract, line.line_id)
    return [Due(task, line.description, amount, _months_later(start, n)) for n, amount in enumerate(amounts)]


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
