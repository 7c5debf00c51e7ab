"""What answers say of how a target is."""

from typing import Any

from shared.runtime.answers import Absent, Ambiguous, Done, Faulty, Finding, Reply, Unavailable
from shared.runtime.decision import Allowance, Intent, Target
from shared.runtime.governed import Governed
from tests.unit.runtime.test_runner import Clock


class Nobody:
    async def send(self, intent: Intent, effect_id: str) -> Reply:
        raise AssertionError("nothing is sent here")

    async def look_up(self, intent: Intent) -> Finding:
        return Absent()


NO_PERMITS: Any = None  # no slot is asked for
FIVE = Allowance(5)


def governed(allowance: Allowance = FIVE) -> Governed:
    return Governed("erp", Target(Nobody(), allowance), NO_PERMITS, Clock(), lambda low, high: high)


def test_an_adapter_that_fails_says_nothing_of_its_target() -> None:
    target = governed()
    for _ in range(9):
        target.answered(Faulty("the adapter failed"), 0.0)
    assert target.state() == "flowing"


def test_answers_that_do_not_come_close_the_target() -> None:
    target = governed()
    for _ in range(9):
        target.answered(Ambiguous("no answer"), 30.0)
    assert target.state() == "away"


def test_objects_that_are_not_to_be_had_leave_the_pace_of_their_target_alone() -> None:
    target = governed()
    target.answered(Unavailable("429", throttled=True), 0.1)
    before = target.pace
    for _ in range(9):
        target.answered(Unavailable("locked", of_target=False), 0.1)
    assert target.pace == before


def test_failures_on_both_sides_of_an_object_that_is_not_to_be_had_are_in_a_row() -> None:
    target = governed()
    for _ in range(3):
        target.answered(Unavailable("no connection"), 0.1)
        target.answered(Unavailable("locked", of_target=False), 0.1)
        target.answered(Ambiguous("no answer"), 0.1)
    assert target.state() == "away"


def test_a_target_that_was_away_is_back_when_it_answers_that_one_object_is_not_to_be_had() -> None:
    clock = Clock()
    target = Governed("erp", Target(Nobody(), FIVE), NO_PERMITS, clock, lambda low, high: high)
    for _ in range(5):
        target.answered(Ambiguous("no answer"), 30.0)
    target.answered(Unavailable("locked", of_target=False), 30.0)
    assert target.state() == "away", "it was under way when the circuit opened"
    clock.seconds += 60
    assert target.state() == "trying"
    target.answered(Unavailable("locked", of_target=False), 0.1)
    assert target.state() == "flowing"


def begun(target: Governed, calls: int) -> list[int]:
    """Milliseconds until each of so many calls that begin now is sent."""
    return [round(target.begins() * 1000) for _ in range(calls)]


def answered(target: Governed, *seconds: float) -> Governed:
    for took in seconds:
        target.answered(Done("A"), took)
    return target


def test_calls_that_take_the_same_time_are_spread_over_it_and_not_sent_in_one_burst() -> None:
    target = governed(Allowance(15))
    assert begun(target, 15) == [0] * 15, "nothing is known of it yet"
    assert begun(answered(target, 0.2, 0.2), 15) == [12 * n for n in range(15)]


def test_one_quick_answer_is_enough_to_send_without_pause() -> None:
    assert begun(answered(governed(), 0.2, 0.0, 0.2), 5) == [0, 1, 1, 2, 3]


def test_what_was_not_done_says_nothing_of_how_quick_the_target_is() -> None:
    target = answered(governed(), 0.1)
    target.answered(Unavailable("429", throttled=True), 0.001)
    assert begun(target, 3) == [0, 18, 36]


def test_a_pause_is_short_however_long_calls_take() -> None:
    assert begun(answered(governed(), 20.0), 3) == [0, 20, 40]


def test_calls_a_second_are_counted_when_they_are_sent() -> None:
    target = answered(governed(Allowance(2, per_second=4)), 20.0)
    begun(target, 3)
    assert target.started == [1000.0, 1000.02, 1000.04]
