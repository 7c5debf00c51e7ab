"""What is billed when: a contract's value laid out over lines, milestones and months, to the last cent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from services.erp_provisioning.domain.names import line_task_id, milestone_task_id
from services.erp_provisioning.domain.steps import Unplannable
from shared.kernel.contract import BillingModel, Contract, Line, Milestone
from shared.kernel.money import Money, allocate

BALANCE = "balance"
_MONTHS_AT_MOST = 1_200
_FIXED = (BillingModel.FIXED_FEE, BillingModel.MILESTONE)


@dataclass(frozen=True, slots=True)
class Due:
    """`amount` falls due on `day`, for the task with key `task`."""

    task: str
    name: str
    amount: Money
    day: date
    accepted_on: date | None = None


@dataclass(frozen=True, slots=True)
class _Pot:
    """Lines that are paid for by the same milestones."""

    lines: tuple[Line, ...]
    milestones: tuple[Milestone, ...]

    @property
    def amount(self) -> Money:
        return Money(sum((line.amount.amount for line in self.lines), Decimal(0)), self.lines[0].amount.currency)


def billed_lines(contract: Contract) -> tuple[Line, ...]:
    """The lines, and a balance line where they do not add up to the value (a contract without lines, a change order that names none)."""
    rest = contract.total_value.amount - sum((line.amount.amount for line in contract.lines), Decimal(0))
    if rest == 0:
        return contract.lines
    what = "Balance to the contract value" if contract.lines else contract.title
    balance = Line(line_id=BALANCE, description=what, billing_model=BillingModel.FIXED_FEE, amount=Money(rest, contract.currency))
    return (*contract.lines, balance)


def fixed_dues(contract: Contract) -> tuple[Due, ...]:
    """What fixed-fee and milestone lines are paid: by their milestones, or at the line's end. Sums to those lines exactly.

    Raises Unplannable when milestones are worth more than what they are a part of.
    """
    lines = [line for line in billed_lines(contract) if line.billing_model in _FIXED]
    if not lines:
        return ()
    pots = _pots(lines, contract.milestones)
    if any(_left(pot, lines) < 0 for pot in pots):  # a change order may raise the value and name milestones, but no line
        pots = [_Pot(tuple(lines), _of(contract.milestones, {None, *(line.line_id for line in lines)}))]
    return tuple(due for pot in pots for due in _dues(contract, pot, lines))


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


def _pots(lines: Sequence[Line], milestones: Sequence[Milestone]) -> list[_Pot]:
    """A line with milestones of its own is a pot; milestones without a line share what the other lines are worth."""
    own = {line.line_id: _of(milestones, {line.line_id}) for line in lines}
    pots = [_Pot((line,), own[line.line_id]) for line in lines if own[line.line_id]]
    rest = [line for line in lines if not own[line.line_id]]
    loose = _of(milestones, {None})
    if rest and loose:
        return [*pots, _Pot(tuple(rest), loose)]
    return [*pots, *(_Pot((line,), ()) for line in rest)]


def _of(milestones: Sequence[Milestone], lines: set[str | None]) -> tuple[Milestone, ...]:
    return tuple(milestone for milestone in milestones if milestone.line_id in lines)


def _worth(milestone: Milestone, pot: _Pot, lines: Sequence[Line]) -> Decimal | None:
    """A percentage is of the milestone's own line. None: whatever is left."""
    if milestone.amount is not None:
        return milestone.amount.amount
    if milestone.percent is None:
        return None
    base = next((line.amount.amount for line in lines if line.line_id == milestone.line_id), pot.amount.amount)
    return base * milestone.percent / 100


def _left(pot: _Pot, lines: Sequence[Line]) -> Decimal:
    if not pot.milestones:
        return Decimal(0)
    return pot.amount.amount - sum((_worth(milestone, pot, lines) or Decimal(0) for milestone in pot.milestones), Decimal(0))


def _dues(contract: Contract, pot: _Pot, lines: Sequence[Line]) -> list[Due]:
    end = max(line.end_date or contract.end_date for line in pot.lines)
    first = pot.lines[0]
    rest_of_pot = Due(line_task_id(contract, first.line_id), first.description, pot.amount, end)
    if not pot.milestones:
        return [rest_of_pot]
    left = _left(pot, lines)
    if left < 0:
        raise Unplannable(
            "milestones-exceed-value",
            f"the milestones of contract {contract.contract_id!r} are worth {-left} {contract.currency} more than the lines that they are "
            "a part of; correct their amounts or percentages, or the value of the lines, where the contract is kept",
        )
    open_ended = [milestone for milestone in pot.milestones if _worth(milestone, pot, lines) is None]
    dues = [_due(contract, milestone, pot, end) for milestone in pot.milestones] + ([] if open_ended else [rest_of_pot])
    shares = [left / len(open_ended) if (worth := _worth(m, pot, lines)) is None else worth for m in pot.milestones]
    amounts = _split(pot.amount, shares if open_ended else [*shares, left])
    paid = [replace(due, amount=amount) for due, amount in zip(dues, amounts, strict=True)]
    return [due for due in paid if due is not paid[-1] or open_ended or due.amount.amount]


def _due(contract: Contract, milestone: Milestone, pot: _Pot, end: date) -> Due:
    task = milestone_task_id(contract, milestone.milestone_id)
    return Due(task, milestone.name, pot.amount, milestone.due_date or end, milestone.accepted_on)


def _split(total: Money, shares: Sequence[Decimal]) -> tuple[Money, ...]:
    if not any(shares):
        return tuple(Money(Decimal(0), total.currency) for _ in shares)
    return allocate(total, shares)


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
