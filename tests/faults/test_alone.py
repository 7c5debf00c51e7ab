"""What the run of relays alone looks for, shown to its verdict on purpose."""

import pytest

from tests.faults.alone import faults, wrong

SOUND = {(b"in/0", 1): ["alone.out/0@0"], (b"in/0", 2): ["alone.out/1@0"], (b"in/1", 1): ["alone.out/0@2"]}


def test_numbers_that_are_there_once_are_sound() -> None:
    assert wrong(SOUND) == []


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (SOUND | {(b"in/0", 2): ["alone.out/1@0", "alone.out/1@2"]}, ["in/0 has 2 at alone.out/1@0 and alone.out/1@2"]),
        (SOUND | {(b"in/1", 3): ["alone.out/0@4"]}, ["in/1 lacks 2"]),
    ],
)
def test_a_number_that_is_there_twice_or_missing_is_named(numbers: dict[tuple[bytes, int], list[str]], said: list[str]) -> None:
    assert wrong(numbers) == said


def test_it_breaks_kafka_and_nothing_that_it_has_not() -> None:
    kinds = {fault.kind for fault in faults([])}
    assert {"broker killed", "answer to EndTxn lost", "Kafka deaf: done, and not answered"} <= kinds
    assert not any("PostgreSQL" in kind or "PSA" in kind for kind in kinds)
