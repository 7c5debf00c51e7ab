"""I4 and I13: decided once more, by a replay or by a plan for dead letters, and what both must leave behind."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.faults.checker.evidence import Evidence, Kept, Replayed

REDRIVEN, DISCARDED = "re-driven", "discarded"
CLOSED = REDRIVEN, DISCARDED
STANDS = None, "dead_lettered", "not decided"
"""Outcomes of a plan's item behind which its letter stands, or another one for the same record."""
READ_BEFORE = "differences: decided before another instance's commit was seen"
APART = (
    "decided on again by hand",
    "a dead letter of it was discarded",
    "waits for a key with records outside the range",
)
"""Why a replay over all of a run at rest may leave a key out. Its other reasons are those of a part of the log, or of a service still at work."""
CHARACTERS, TOLD = 500, 20


def replayed(report: Mapping[str, Any], service: str, kept: Kept) -> tuple[Replayed, dict[str, int]]:
    """What a replay says, and beside it how many of its differences have a cause that `docs/understand/faults.md` names."""
    waited = {str(row.key).partition(":")[2] for row in kept.journal if row.outcome == "waiting"}
    causes = [_cause(service, each, waited) for each in report["differences"]]
    unknown = [each for each, cause in zip(report["differences"], causes, strict=True) if cause is None]
    unlisted = sum(report["different"].values()) - len(causes)
    told = (f"{each['what']} {each['key']}: {each['only'] or each['fields']} {each['said']}"[:CHARACTERS] for each in unknown[:TOLD])
    said = Replayed(report["decided"], len(unknown) + unlisted, tuple(told), tuple(report["outside"].items()))
    return said, dict(Counter(cause for cause in causes if cause))


def _cause(service: str, difference: Mapping[str, Any], waited: set[str]) -> str | None:
    if service == "master_data" and difference["what"] in ("state", "emit") and difference["key"].removeprefix("contract:") in waited:
        return READ_BEFORE
    return None


def decided_alike(evidence: Evidence) -> Iterator[str]:
    """I4. The services' own code decides here; what this checker adds is that every service was asked, about every record that it ever took,
    that none found a difference, and that keys were set apart for known reasons only. Answers and supplied keys are not counted: how many there
    are of a key that was set apart, a replay does not say.
    """
    for name, kept in evidence.services.items():
        again = evidence.replayed.get(name, Replayed(0, 0))
        records = sum(row.inbox is None for row in kept.journal)
        if name not in evidence.replayed or again.decided < records:
            yield f"{name} decided once more on {again.decided}, and had taken {records} records"
        if again.different:
            yield f"{name} decided {again.different} things differently: {'; '.join(again.differences[:3])}"
        for reason, keys in again.apart:
            if reason not in APART:
                yield f"{name} set {keys} keys apart for a reason that a run at rest has not: {reason}"


def set_apart(evidence: Evidence) -> str:
    """What I4 does not speak of: how many keys, of which service, and why."""
    counted = [f"{keys:,} keys of {name}: {reason}" for name, again in evidence.replayed.items() for reason, keys in again.apart]
    return "; ".join(counted) or "none"


def redriving_is_told(evidence: Evidence) -> Iterator[str]:
    """I13: one row of the audit for each letter that a plan decided on again, bound to the plan and its hash; who and why are never empty."""
    for name, kept in evidence.services.items():
        for plan in kept.plans:
            if plan.hash != plan.again:
                yield f"{name}: the items of plan {plan.id} are not those that its hash binds"
        hashes = {plan.id: plan.hash for plan in kept.plans}
        told = Counter((row.plan, row.letter) for row in kept.audit if row.what == REDRIVEN)
        decided: Counter[tuple[int | None, int | None]] = Counter((item.plan, item.letter) for item in kept.items if item.outcome is not None)
        for place in sorted((told - decided) | (decided - told), key=str):
            yield f"{name}: plan {place[0]} decided {decided[place]} times on letter {place[1]}, the audit tells of {told[place]}"
        for row in kept.audit:
            if not (row.who.strip() and row.why.strip()):
                yield f"{name}: the audit does not say who did it and why: {row.what} {row.letter}"
            if row.plan is not None and row.plan_hash != hashes.get(row.plan):
                yield f"{name}: the audit binds {row.what} of letter {row.letter} to another plan than {row.plan} is"
        closed = {row.letter for row in kept.audit if row.what in CLOSED}
        for dead in kept.dead:
            if dead.resolved and dead.id not in closed:
                yield f"{name}: letter {dead.id} was resolved, and the audit does not say by whom"


def letters_end_once(evidence: Evidence) -> Iterator[str]:
    """I11: a letter is resolved once at most: one plan decides on it with success, however many tried before, or somebody discards it."""
    for name, kept in evidence.services.items():
        ended = Counter(item.letter for item in kept.items if item.outcome not in STANDS)
        ended += Counter(row.letter for row in kept.audit if row.what == DISCARDED and row.letter is not None)
        for letter, count in sorted(ended.items()):
            if count > 1:
                yield f"{name}: letter {letter} was resolved {count} times"
