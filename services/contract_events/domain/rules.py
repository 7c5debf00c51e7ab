"""What makes a report wrong in itself: each rule has a stable code and says what to do next."""

from collections.abc import Iterator
from decimal import Decimal

from services.contract_events.domain.events import ContractEvent, Kind
from shared.kernel.cause import Cause
from shared.kernel.contract import Amendment, Contract, Line, Milestone
from shared.kernel.money import Money, UnknownCurrency, minor_units

HUNDRED = Decimal(100)


def violation(event: ContractEvent) -> Cause | None:
    """The first rule that the report breaks, None when it is sound."""
    return next(_violations(event), None)


def _violations(event: ContractEvent) -> Iterator[Cause]:
    match event.kind:
        case Kind.CONTRACT if event.contract is not None:
            yield from _identity(event, event.contract)
            yield from contract_violations(event.contract)
        case Kind.AMENDMENT if event.amendment is not None:
            yield from _amendment_violations(event.amendment)
        case Kind.APPROVAL if event.approval is not None:
            return
        case Kind.CANCELLATION:
            return
        case _:
            body = event.kind.value.lower()
            yield Cause("missing-body", f"an event of kind {event.kind} came without its {body}; send the {body} with it")


def _identity(event: ContractEvent, contract: Contract) -> Iterator[Cause]:
    if contract.contract_id != event.contract_id:
        yield Cause(
            "contract-id-mismatch",
            f"the event is about {event.contract_id!r} and the contract in it is {contract.contract_id!r}; send one id in both places",
        )


def contract_violations(contract: Contract) -> Iterator[Cause]:
    """Every rule that a whole contract breaks: currency first, as no amount means anything without it."""
    yield from _currency(contract.currency)
    if contract.end_date < contract.start_date:
        yield end_before_start("the contract", str(contract.start_date), str(contract.end_date))
    yield from _amount("total_value", contract.total_value, contract.currency)
    if contract.not_to_exceed is not None:
        yield from _amount("not_to_exceed", contract.not_to_exceed, contract.currency)
    yield from _lines(contract.lines, contract.currency)
    yield from _milestones(contract.milestones, contract.currency)
    yield from _unknown_lines(contract)
    for rate in contract.rate_card:
        yield from _amount(f"rate of {rate.role}", rate.rate, contract.currency)
    if contract.expense_policy is not None and contract.expense_policy.cap is not None:
        yield from _amount("expense cap", contract.expense_policy.cap, contract.currency)


def _amendment_violations(amendment: Amendment) -> Iterator[Cause]:
    currency = amendment.value_delta.currency
    yield from _currency(currency)
    yield from _fineness("value_delta", amendment.value_delta)
    yield from _lines(amendment.lines, currency)
    yield from _milestones(amendment.milestones, currency)


def _currency(currency: str) -> Iterator[Cause]:
    try:
        minor_units(currency)
    except UnknownCurrency as unknown:
        yield Cause("unknown-currency", str(unknown))


def _amount(field: str, money: Money, currency: str) -> Iterator[Cause]:
    if money.currency != currency:
        yield Cause(
            "currency-mismatch",
            f"{field} is in {money.currency!r} where everything else is in {currency!r}; a contract has one currency, so send it in that one",
        )
        return
    if money.amount < 0:
        yield Cause("negative-amount", f"{field} is {money.amount} {currency}; an amount of a contract cannot be below zero")
    yield from _fineness(field, money)


def _fineness(field: str, money: Money) -> Iterator[Cause]:
    if money.rounded().amount != money.amount:
        yield Cause(
            "amount-too-fine",
            f"{field} is {money.amount} and {money.currency} is paid to {minor_units(money.currency)} digits; round it where it is agreed",
        )


def _lines(lines: tuple[Line, ...], currency: str) -> Iterator[Cause]:
    yield from _unique("line", [line.line_id for line in lines])
    for line in lines:
        yield from _amount(f"amount of line {line.line_id}", line.amount, currency)
        if line.cap is not None:
            yield from _amount(f"cap of line {line.line_id}", line.cap, currency)
        if line.start_date is not None and line.end_date is not None and line.end_date < line.start_date:
            yield end_before_start(f"line {line.line_id}", str(line.start_date), str(line.end_date))


def _milestones(milestones: tuple[Milestone, ...], currency: str) -> Iterator[Cause]:
    yield from _unique("milestone", [milestone.milestone_id for milestone in milestones])
    for milestone in milestones:
        if milestone.amount is not None:
            yield from _amount(f"amount of milestone {milestone.milestone_id}", milestone.amount, currency)
        if milestone.percent is not None and not 0 <= milestone.percent <= HUNDRED:
            yield Cause(
                "percent-out-of-range",
                f"milestone {milestone.milestone_id} is worth {milestone.percent} percent of its line; send a share from 0 to 100",
            )


def _unknown_lines(contract: Contract) -> Iterator[Cause]:
    """Asked of whole contracts only: the milestone of a change order may belong to a line of its contract."""
    known = {line.line_id for line in contract.lines}
    for milestone in contract.milestones:
        if milestone.line_id is not None and milestone.line_id not in known:
            yield Cause(
                "unknown-line",
                f"milestone {milestone.milestone_id} belongs to line {milestone.line_id!r}, which the contract does not have; "
                "name one of its lines, send the line with it, or name none",
            )


def _unique(what: str, ids: list[str]) -> Iterator[Cause]:
    repeated = sorted({key for key in ids if ids.count(key) > 1})
    if repeated:
        yield Cause(f"repeated-{what}", f"{what} id {repeated[0]!r} stands more than once; give every {what} an id of its own")


def end_before_start(what: str, start: str, end: str) -> Cause:
    return Cause("end-before-start", f"{what} ends on {end}, before it starts on {start}; correct one of the dates")
