"""Change orders in publications: the standard's list, and the numbered entries that some publishers write into a text."""

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from services.contract_events.domain.ocds.reading import Node, day, midnight, node, nodes, numbered, text
from shared.kernel.contract import Amendment, Approval, ApprovalDecision, Contract, Line
from shared.kernel.money import Money

# `amendmentNumber: 001, awardDate: 2015-05-29, expiryDate: 2016-06-17, value: -3.00`, parted by bars; 000 is the base award.
_ENTRY = re.compile(
    r"\s*amendmentNumber:\s*(?P<number>\d{1,6}),\s*awardDate:\s*(?P<award>\d{4}-\d\d-\d\d),"
    r"\s*expiryDate:\s*(?P<expiry>\d{4}-\d\d-\d\d),\s*value:\s*(?P<value>-?\d{1,18}(?:\.\d{1,4})?)\s*"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One numbered step of a contract's value."""

    number: int
    awarded: date
    expires: date
    value: Decimal


def entries_of(contract: Node) -> tuple[Entry, ...]:
    """The numbered entries in the amendment's text, in their order; none when the text is anything else."""
    rationale = text(node(contract, "amendment"), "rationale") or ""
    found = [_ENTRY.fullmatch(part) for part in rationale.split("|")]
    try:
        entries = [_entry(match) for match in found if match is not None]
    except ValueError:
        return ()
    return tuple(sorted(entries, key=lambda e: e.number)) if len(entries) == len(found) else ()


def _entry(match: re.Match[str]) -> Entry:
    return Entry(int(match["number"]), date.fromisoformat(match["award"]), date.fromisoformat(match["expiry"]), Decimal(match["value"]))


def add_up(entries: tuple[Entry, ...], value: Money) -> bool:
    """Whether the entries are the whole story: a base award first, no gap, and together the contract's value exactly."""
    return [entry.number for entry in entries] == list(range(len(entries))) and sum(e.value for e in entries) == value.amount


def change_orders(entries: tuple[Entry, ...], contract: Contract, roles: tuple[str, ...], actor: str) -> tuple[Amendment, ...]:
    """The entries after the base; each brings its line to the value so far. What is rounded is that value, so that the deltas still add up to it."""
    orders, running = [], entries[0].value
    for entry in entries[1:]:
        before, running = running, running + entry.value
        orders.append(
            Amendment(
                amendment_id=f"{entry.number:03}",
                effective_date=entry.awarded,
                summary=f"amendment {entry.number:03} of {entry.awarded.isoformat()}",
                value_delta=Money(running, contract.currency).rounded() - Money(before, contract.currency).rounded(),
                end_date=max(entry.expires, contract.start_date),
                lines=(_grown(contract.lines[0], running, max(entry.expires, contract.start_date)),),
                approvals=published(roles, actor, entry.awarded),
            )
        )
    return tuple(orders)


def _grown(line: Line, amount: Decimal, end: date) -> Line:
    return replace(line, amount=Money(amount, line.amount.currency).rounded(), end_date=end)


def listed(contract: Node, currency: str, roles: tuple[str, ...], actor: str, released: date) -> tuple[Amendment, ...]:
    """The standard's own amendments. They state no amounts: the values of the releases before and after them do, so their delta is nothing."""
    rows = [row for row in (*nodes(contract, "amendments"), node(contract, "amendment")) if row and row.keys() - {"changes"}]
    ids = numbered([text(row, "id") or f"{position:03}" for position, row in enumerate(rows, 1)])
    return tuple(_listed(row, key, currency, roles, actor, released) for row, key in zip(rows, ids, strict=True))


def _listed(row: Node, key: str, currency: str, roles: tuple[str, ...], actor: str, released: date) -> Amendment:
    on = day(row, "date") or released
    return Amendment(
        amendment_id=key,
        effective_date=on,
        summary=text(row, "description", "rationale") or f"amendment {key}",
        value_delta=Money(Decimal(0), currency),
        approvals=published(roles, actor, on),
    )


def published(roles: tuple[str, ...], actor: str, on: date) -> tuple[Approval, ...]:
    """Whoever publishes a contract as in force has approved it: one approval for each role that is asked."""
    return tuple(Approval(role=role, actor=actor, decision=ApprovalDecision.APPROVED, decided_at=midnight(on)) for role in roles)
