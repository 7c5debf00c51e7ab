"""From when to when a published contract runs, and what had to be inferred to know it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from services.contract_events.domain.ocds.facts import Refusal
from services.contract_events.domain.ocds.reading import Node, amount, day, node
from shared.kernel.calendar import ends_after
from shared.kernel.contract import Inferred

LONGEST = Decimal(36525)  # a hundred years of days


@dataclass(frozen=True, slots=True)
class Term:
    start: date
    end: date
    inferred: tuple[Inferred, ...] = ()


def term_of(contract: Node, award: Node, tender: Node, released: date) -> Term:
    """The contract's period, else its award's, else its tender's. Raises Refusal when none says when it ends."""
    places = (("contract", node(contract, "period")), ("award", node(award, "contractPeriod")), ("tender", node(tender, "contractPeriod")))
    for place, period in places:
        term = _term(period, day(contract, "dateSigned"), released)
        if term is not None and place == "contract":
            return term
        if term is not None:
            return Term(term.start, term.end, (Inferred(field="period", rule=f"contract period of its {place}"), *term.inferred))
    raise Refusal("missing-period", "neither the contract nor its award or tender says when it ends; publish a period with an end or a duration")


def _term(period: Node, signed: date | None, released: date) -> Term | None:
    start, end, duration = day(period, "startDate"), day(period, "endDate"), _days(period)
    if end is None and duration is None:
        end = day(period, "maxExtentDate")
    if end is None and (duration is None or duration <= 0):
        return None
    if start is not None:
        return _ended(start, end, duration)
    begun, rule = (signed, "begins on the day it was signed") if signed else (released, "begins on the release's date")
    if end is not None and begun > end:
        begun, rule = end, "begins on its last day: signature and release came later"
    term = _ended(begun, end, duration)
    return Term(term.start, term.end, (Inferred(field="start_date", rule=rule), *term.inferred))


def _ended(start: date, end: date | None, duration: int | None) -> Term:
    if end is not None:
        return Term(start, end)
    days = duration or 1
    return Term(start, _after(start, days), (Inferred(field="end_date", rule=f"its duration of {days} days"),))


def _after(start: date, days: int) -> date:
    return ends_after(start, days) if days < (date.max - start) / timedelta(days=1) else date.max


def _days(period: Node) -> int | None:
    days = amount(period, "durationInDays")
    return int(days) if days is not None and 0 <= days <= LONGEST else None
