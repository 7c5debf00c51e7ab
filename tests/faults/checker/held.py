"""I1 and I10 of what was held back behind a dead letter: none of it vanishes, and none of it waits for nothing."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.checker.evidence import Evidence, Kept, Lane

HELD = "held"
LEFT_ALONE = "not decided"
"""Outcome of a plan's item whose letter stands as before: the plan did not hold any more."""


def is_kept_or_decided(evidence: Evidence) -> Iterator[str]:
    """I1: what was held back is held still, or was decided once when it was set free, and once more each time a plan decided on its letter.

    Held anew behind another letter, or left alone by a plan, it is decided on later: such lines say `held` and do not count.
    """
    for name, kept in evidence.services.items():
        decided = Counter((row.lane, row.offset) for row in kept.journal if row.inbox is not None and row.offset is not None and row.outcome != HELD)
        still = {(row.lane, row.offset) for row in kept.held}
        again = _planned(kept)
        for place in sorted({(row.lane, row.offset or 0) for row in kept.journal if row.outcome == HELD and row.inbox is None}):
            expected = 0 if place in still else 1 + again[place]
            if decided[place] != expected:
                yield f"{name} held {_at(*place)} back and decided {decided[place]} times on it instead of {expected}"


def has_a_reason(evidence: Evidence) -> Iterator[str]:
    """I10, at quiescence: a record is held back only behind a letter of its key that stands; once none does, it is set free and decided on."""
    for name, kept in evidence.services.items():
        standing = {letter.key for letter in kept.dead if not letter.resolved}
        for row in kept.held:
            if row.key not in standing:
                yield f"{name} holds {_at(row.lane, row.offset)} back, and no dead letter of {row.key} stands before it"


def _planned(kept: Kept) -> Counter[tuple[Lane, int | None]]:
    """How often plans decided on the letters of each record; one that was left alone was not decided on."""
    places = {row.id: (row.lane, row.offset) for row in kept.dead}
    return Counter(places[item.letter] for item in kept.items if item.letter in places and item.outcome not in (None, LEFT_ALONE))


def _at(lane: Lane, offset: int) -> str:
    return f"{lane[0]}/{lane[1]}@{offset}"
