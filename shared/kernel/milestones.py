"""What each milestone of a contract is worth, to the cent: worked out once, so that all systems bill and show the same.

A milestone pays for fixed-fee and milestone lines. Time and materials are billed for actuals and retainers by the month,
so a milestone on such a line is a date without money: what it stated would be billed twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.kernel.contract import BillingModel, Contract, Line, Milestone
from shared.kernel.money import Money, allocate

BALANCE = "balance"
_FIXED = (BillingModel.FIXED_FEE, BillingModel.MILESTONE)
_NOTHING = Decimal(0)


class Unpayable(ValueError):
    """The lines cannot be paid by their milestones. `code` to group by; the message says what to correct."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Payment:
    """How `lines` are paid: each of their milestones its worth, and `rest` at their end."""

    lines: tuple[Line, ...]
    worth: tuple[tuple[Milestone, Money], ...]
    rest: Money


@dataclass(frozen=True, slots=True)
class _Pot:
    """Lines that are paid for by the same milestones."""

    lines: tuple[Line, ...]
    milestones: tuple[Milestone, ...]

    @property
    def amount(self) -> Money:
        return Money(sum((line.amount.amount for line in self.lines), _NOTHING), self.lines[0].amount.currency)


def billed_lines(contract: Contract) -> tuple[Line, ...]:
    """The lines, and a balance line where they do not add up to the value (a contract without lines, a change order that names none)."""
    rest = contract.total_value.amount - sum((line.amount.amount for line in contract.lines), _NOTHING)
    if rest == 0:
        return contract.lines
    what = "Balance to the contract value" if contract.lines else contract.title
    balance = Line(line_id=BALANCE, description=what, billing_model=BillingModel.FIXED_FEE, amount=Money(rest, contract.currency))
    return (*contract.lines, balance)


def worth(contract: Contract) -> dict[str, Money]:
    """Milestone id to worth; a milestone without money is not in it. Raises Unpayable."""
    return {milestone.milestone_id: amount for payment in payments(contract) for milestone, amount in payment.worth}


def payments(contract: Contract) -> tuple[Payment, ...]:
    """How the fixed-fee and milestone lines are paid. Sums to those lines exactly.

    A line with milestones of its own is paid by them; milestones without a line share what the other lines are worth. An amount is taken as
    it is, a percentage is of the milestone's line, and one with neither gets what is left. Where that does not work out, all milestones
    pay for all lines: a change order may change the value and name milestones, but no line. Raises Unpayable.
    """
    lines = [line for line in billed_lines(contract) if line.billing_model in _FIXED]
    if not lines:
        return ()
    pots = _pots(lines, contract.milestones)
    if _homeless(lines, contract.milestones) or any(_short(pot, lines) for pot in pots):
        pots = [_Pot(tuple(lines), _of(contract.milestones, {None, *(line.line_id for line in lines)}))]
    return tuple(_payment(contract, pot, lines) for pot in pots)


def _pots(lines: Sequence[Line], milestones: Sequence[Milestone]) -> list[_Pot]:
    own = {line.line_id: _of(milestones, {line.line_id}) for line in lines}
    pots = [_Pot((line,), own[line.line_id]) for line in lines if own[line.line_id]]
    rest = [line for line in lines if not own[line.line_id]]
    loose = _of(milestones, {None})
    if rest and loose:
        return [*pots, _Pot(tuple(rest), loose)]
    return [*pots, *(_Pot((line,), ()) for line in rest)]


def _of(milestones: Sequence[Milestone], lines: set[str | None]) -> tuple[Milestone, ...]:
    return tuple(milestone for milestone in milestones if milestone.line_id in lines)


def _homeless(lines: Sequence[Line], milestones: Sequence[Milestone]) -> bool:
    """Whether milestones without a line state a worth, and every line is already paid by its own."""
    taken = {milestone.line_id for milestone in milestones}
    loose = _of(milestones, {None})
    return all(line.line_id in taken for line in lines) and any(m.amount is not None or m.percent is not None for m in loose)


def _short(pot: _Pot, lines: Sequence[Line]) -> bool:
    """A balance may be below zero, and a percentage of it would pay less than nothing."""
    return bool(pot.milestones) and (pot.amount.amount < 0 or _left(pot, lines) < 0)


def _stated(milestone: Milestone, pot: _Pot, lines: Sequence[Line]) -> Decimal | None:
    """None: whatever is left."""
    if milestone.amount is not None:
        return milestone.amount.amount
    if milestone.percent is None:
        return None
    base = next((line.amount.amount for line in lines if line.line_id == milestone.line_id), pot.amount.amount)
    return base * milestone.percent / 100


def _left(pot: _Pot, lines: Sequence[Line]) -> Decimal:
    return pot.amount.amount - sum((_stated(milestone, pot, lines) or _NOTHING for milestone in pot.milestones), _NOTHING)


def _payment(contract: Contract, pot: _Pot, lines: Sequence[Line]) -> Payment:
    if not pot.milestones:
        return Payment(pot.lines, (), pot.amount)
    stated, left = [_stated(milestone, pot, lines) for milestone in pot.milestones], _left(pot, lines)
    _payable(contract, pot, stated, left)
    waiting = stated.count(None)
    shares = [left / waiting if share is None else share for share in stated]
    *amounts, rest = _split(pot.amount, [*shares, _NOTHING if waiting else left])
    return Payment(pot.lines, tuple(zip(pot.milestones, amounts, strict=True)), rest)


def _payable(contract: Contract, pot: _Pot, stated: Sequence[Decimal | None], left: Decimal) -> None:
    if pot.amount.amount < 0 or any(share < 0 for share in stated if share is not None):
        raise Unpayable(
            "milestones-of-less-than-nothing",
            f"milestones of contract {contract.contract_id!r} are a part of lines that are worth {pot.amount.amount} {contract.currency} "
            "together with the balance to its value, and less than nothing cannot be paid; say in the change order whose line becomes smaller, "
            "or correct the milestones, where the contract is kept",
        )
    if left < 0:
        raise Unpayable(
            "milestones-exceed-value",
            f"the milestones of contract {contract.contract_id!r} are worth {-left} {contract.currency} more than the lines that they are "
            "a part of; correct their amounts or percentages, or the value of the lines, where the contract is kept",
        )


def _split(total: Money, shares: Sequence[Decimal]) -> tuple[Money, ...]:
    if not any(shares):
        return tuple(Money(_NOTHING, total.currency) for _ in shares)
    return allocate(total, shares)
