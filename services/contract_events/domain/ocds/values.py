"""What a published contract is worth."""

from services.contract_events.domain.ocds.facts import Refusal
from services.contract_events.domain.ocds.reading import Node, amount, node, text
from services.contract_events.domain.ocds.releases import Release
from shared.kernel.contract import Inferred
from shared.kernel.money import Money, UnknownCurrency, minor_units


def value_of(release: Release, contract: Node, award: Node) -> tuple[Money, tuple[Inferred, ...]]:
    """The contract's own value in a currency of ISO 4217. Raises Refusal: a value is never guessed, a currency only where one is published."""
    stated = amount(node(contract, "value"), "amount")
    if stated is None:
        raise Refusal("missing-value", "the contract states no value; publish contracts[].value.amount")
    if stated < 0:
        raise Refusal("negative-amount", f"the contract's value is {stated}; an amount of a contract cannot be below zero")
    currency, marks = _currency(release, contract, award)
    try:
        minor_units(currency)
    except UnknownCurrency as unknown:
        raise Refusal("unknown-currency", str(unknown)) from None
    return _paid(Money(stated, currency), marks)


def _paid(exact: Money, marks: tuple[Inferred, ...]) -> tuple[Money, tuple[Inferred, ...]]:
    money = exact.rounded()
    if money.amount == exact.amount:
        return money, marks
    rule = f"{exact.amount} rounded to the {minor_units(exact.currency)} digits that {exact.currency} is paid in"
    return money, (*marks, Inferred(field="total_value", rule=rule))


def _currency(release: Release, contract: Node, award: Node) -> tuple[str, tuple[Inferred, ...]]:
    own = text(node(contract, "value"), "currency")
    if own is not None:
        return own.upper(), ()
    tender = node(release.body, "tender")
    budget = node(node(release.body, "planning"), "budget")
    elsewhere = (("award", node(award, "value")), ("tender", node(tender, "value")), ("planning", node(budget, "amount")))
    for place, value in elsewhere:
        found = text(value, "currency")
        if found is not None:
            return found.upper(), (Inferred(field="currency", rule=f"currency of its {place}"),)
    raise Refusal("missing-currency", "the value has no currency, nor do the award, the tender or the budget; publish contracts[].value.currency")
