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


NO_PERMITS: Any = None  # no slot is asked for


def governed() -> Governed:
    return Governed("erp", Target(Nobody(), Allowance(5)), NO_PERMITS, Clock(), lambda low, high: high)


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


def begun(target: Governed, calls: int) -> list[int]:
    """Milliseconds until each of so many calls that begin now is sent; then they end, after their 200 ms."""
    pauses = [round(target.begins() * 1000) for _ in range(calls)]
    for _ in range(calls):
        target.ends(0.2)
    return pauses


def test_calls_that_take_the_same_time_are_spread_over_it_and_not_sent_in_one_burst() -> None:
    target = Governed("erp", Target(Nobody(), Allowance(15)), NO_PERMITS, Clock(), lambda low, high: high)
    assert begun(target, 15) == [0] * 15, "nothing is known of it yet"
    assert begun(target, 15) == [12 * n for n in range(15)]


def test_one_quick_answer_is_enough_to_send_without_pause() -> None:
    target = governed()
    begun(target, 5)
    target.begins()
    target.ends(0.0)
    target.clock.seconds += 1  # type: ignore[attr-defined]
    assert begun(target, 5) == [0] * 5


def test_a_pause_is_short_however_long_calls_take() -> None:
    target = governed()
    target.begins()
    target.ends(20.0)
    assert begun(target, 3) == [0, 20, 40]


def test_calls_a_second_are_counted_when_they_are_sent() -> None:
    target = Governed("erp", Target(Nobody(), Allowance(2, per_second=4)), NO_PERMITS, Clock(), lambda low, high: high)
    target.begins()
    target.ends(20.0)
    begun(target, 3)
    assert target.started == [1000.0, 1000.0, 1000.02, 1000.04]
