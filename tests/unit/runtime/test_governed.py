"""What answers say of how a target is."""

from typing import Any

from shared.runtime.answers import Absent, Ambiguous, Faulty, Finding, Reply
from shared.runtime.decision import Allowance, Intent, Target
from shared.runtime.governed import Governed
from tests.unit.runtime.test_runner import Clock


class Nobody:
    async def send(self, intent: Intent, effect_id: str) -> Reply:
        raise AssertionError("nothing is sent here")

    async def look_up(self, intent: Intent) -> Finding:
        return Absent()


def governed() -> Governed:
    permits: Any = None  # no slot is asked for
    return Governed("erp", Target(Nobody(), Allowance(5)), permits, Clock(), lambda low, high: high)


def test_an_adapter_that_fails_says_nothing_of_its_target() -> None:
    target = governed()
    for _ in range(9):
        target.answered(Faulty("the adapter failed"))
    assert target.state() == "flowing"


def test_answers_that_do_not_come_close_the_target() -> None:
    target = governed()
    for _ in range(9):
        target.answered(Ambiguous("no answer"))
    assert target.state() == "away"
