"""The invariants that no guard taken out breaks are shown to fail too: on what a sound schedule left, changed in one place."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest

from shared.store.rows import DeadLetterChange
from tests.simulation.invariants import Evidence, _calls, dead_letters_hold, effects_in_order, nothing_halted, only_deaths_quarantine, violations
from tests.simulation.quiet import quiet
from tests.simulation.schedule import Stage

Change = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module")
def sound() -> Evidence:
    """Of the first schedule in which two calls of a key were made, and two records of a key are held."""
    with quiet():
        for seed in range(300):
            stage = Stage(seed)
            stage.world.loop.run_until_complete(stage.play(None))
            e = stage.evidence()
            stage.close()
            if _fits(e):
                return e
    raise AssertionError("no schedule has what the changes need")


def _fits(e: Evidence) -> bool:
    held = Counter((kept.key, kept.lane) for kept in e.database.held)
    made = [call for calls in _calls(e).values() if len(calls) > 1 for call in calls[:2]]
    return max(held.values(), default=0) > 1 and bool(made) and all(call.asked for call in made)


def _in_a_row(e: Evidence) -> tuple[str, str]:
    """The external ids of two calls of one key."""
    told = {at: external_id for at, external_id, what in e.erp.calls if what == "ask"}
    pairs = (pair for calls in _calls(e).values() for pair in pairwise(calls))
    return next((told[one.asked[0]], told[other.asked[0]]) for one, other in pairs)


def asked_once_more_behind_the_next(e: Evidence) -> Evidence:
    first, _ = _in_a_row(e)
    return replace(e, erp=replace(e.erp, calls=[*e.erp.calls, (10_000.0, first, "ask")]))


def asked_before_the_one_before_ended(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, ended=[(identity, 10_000.0) for identity, _ in e.database.ended]))


def asked_before_it_was_committed(e: Evidence) -> Evidence:
    _, other = _in_a_row(e)
    return replace(e, erp=replace(e.erp, calls=[(-1.0, other, "ask"), *e.erp.calls]))


def a_lane_halted(e: Evidence) -> Evidence:
    return replace(e, halted=["('in', 0): its log has a gap"])


def what_was_held_is_gone(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, held=[]))


def what_was_not_decided_is_held(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, held=[*e.database.held, msgspec.structs.replace(e.database.held[0], offset=10_000)]))


def another_value_is_held(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, held=[msgspec.structs.replace(e.database.held[0], value=b"other"), *e.database.held[1:]]))


def held_in_another_order(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, held=e.database.held[::-1]))


def held_without_a_dead_letter(e: Evidence) -> Evidence:
    return replace(e, database=replace(e.database, dead=[]))


def put_aside_without_a_death(e: Evidence) -> Evidence:
    letter = DeadLetterChange(e.database.held[0], "poison", "it ended the process that read it", "f", 1)
    return replace(e, crashes=1, database=replace(e.database, dead=[*e.database.dead, letter], unsaid=0))


CAUGHT: tuple[tuple[Change, Callable[[Evidence], list[str]]], ...] = (
    (asked_once_more_behind_the_next, effects_in_order),
    (asked_before_the_one_before_ended, effects_in_order),
    (asked_before_it_was_committed, effects_in_order),
    (a_lane_halted, nothing_halted),
    (what_was_held_is_gone, dead_letters_hold),
    (what_was_not_decided_is_held, dead_letters_hold),
    (another_value_is_held, dead_letters_hold),
    (held_in_another_order, dead_letters_hold),
    (held_without_a_dead_letter, dead_letters_hold),
    (put_aside_without_a_death, only_deaths_quarantine),
)


def test_what_a_sound_schedule_left_passes(sound: Evidence) -> None:
    assert violations(sound) == []


@pytest.mark.parametrize(("change", "check"), CAUGHT, ids=[change.__name__ for change, _ in CAUGHT])
def test_what_is_changed_in_one_place_is_caught(sound: Evidence, change: Change, check: Callable[[Evidence], list[str]]) -> None:
    assert check(change(sound)) != []
