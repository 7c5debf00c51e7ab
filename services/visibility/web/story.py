"""A contract's transitions as the steps of a story: what happened, how long it took, what it waited for meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.visibility.ports.views import ContractDetail, Transition

_GOOD = frozenset({"APPROVED", "READY", "PROVISIONED", "CONFIRMED"})
PAUSE_S = 1.0  # a shorter time between two steps is not worth a line


@dataclass(frozen=True, slots=True)
class StepOfStory:
    """`look` is ok, wait, bad or plain. `pause_s` passed since the step before, `paused_for` names what was waited for in it."""

    told: Transition
    look: str
    pause_s: float
    paused_for: tuple[str, ...]


def steps(transitions: Sequence[Transition]) -> list[StepOfStory]:
    """Oldest first. What is waited for is followed service by service: another service's step ends no wait of this one."""
    open_waits: dict[str, tuple[str, ...]] = {}
    told, before = [], None
    for each in transitions:
        pause = (each.at - before).total_seconds() if before is not None else 0.0
        waited = tuple(dict.fromkeys(key for keys in open_waits.values() for key in keys))
        told.append(StepOfStory(each, _look(each), pause if pause >= PAUSE_S else 0.0, waited))
        open_waits[each.service] = tuple(str(wait["key"]) for wait in each.waits)
        before = each.at
    return told


def _look(each: Transition) -> str:
    if each.cause is not None or each.status == "REJECTED":
        return "bad"
    if each.waits:
        return "wait"
    return "ok" if each.status in _GOOD else "plain"


def work_and_waiting(told: Sequence[StepOfStory]) -> tuple[float, float]:
    """Seconds of work and seconds of waiting, from the first step to the last."""
    waiting = sum(step.pause_s for step in told if step.paused_for)
    whole = (told[-1].told.at - told[0].told.at).total_seconds() if told else 0.0
    return whole - waiting, waiting


@dataclass(frozen=True, slots=True)
class Balance:
    """Base and deltas against the value today; they must be equal."""

    currency: str
    summed: Decimal
    today: Decimal

    @property
    def even(self) -> bool:
        return self.summed == self.today


def balance(detail: ContractDetail) -> Balance | None:
    """None without revisions."""
    if not detail.lineage or detail.line.amount is None or detail.line.currency is None:
        return None
    summed = sum((Decimal(_delta(revision)) for revision in detail.lineage), Decimal(0))
    return Balance(detail.line.currency, summed, Decimal(detail.line.amount))


def _delta(revision: dict[str, Any]) -> str:
    return str(revision["delta"]["amount"])


def ended(detail: ContractDetail) -> datetime | None:
    return detail.transitions[-1].at if detail.transitions else None
