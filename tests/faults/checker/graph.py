"""I12: who built on whose writes. What a version was decided from is the version before it; what else was looked at is recorded nowhere."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from tests.faults.checker.evidence import Evidence, Kept

Edges = Mapping[int, set[int]]


def no_cycle_of_writes(evidence: Evidence) -> Iterator[str]:
    """G0 and G1c, as far as they can be seen: over all keys of a service, transactions that wrote behind one another form no cycle."""
    for name, kept in evidence.services.items():
        after: dict[int, set[int]] = defaultdict(set)
        for chain in _chains(kept).values():
            for (_, before), (_, behind) in pairwise(chain):
                if before != behind:
                    after[before].add(behind)
        if cycle := _in_a_cycle(after):
            yield f"{name}: of the transactions {sorted(cycle)[:5]} each wrote behind another"


def versions_form_a_chain(evidence: Evidence) -> Iterator[str]:
    """G1a and G1b: 1, 2, 3, ... without a gap or a fork, each of a transaction of its own, so that nobody built on what was not there to stay."""
    for name, kept in evidence.services.items():
        for key, chain in _chains(kept).items():
            for (before, xid), (version, behind) in pairwise([(0, 0), *chain]):
                if version == before:
                    yield f"{name}: {key} version {version} was decided twice, by {xid} and by {behind}"
                elif version > before + 1:
                    yield f"{name}: {key} version {version} was decided from version {version - 1}, which nobody committed"
                elif behind == xid:
                    yield f"{name}: {key} versions {before} and {version} are both of transaction {xid}"


def _chains(kept: Kept) -> dict[str, list[tuple[int, int]]]:
    """Of each key, its versions in order, each with the transaction that wrote it."""
    found: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for row in kept.journal:
        if row.key is not None and row.version is not None:
            found[row.key].add((row.version, row.xid))
    return {key: sorted(versions) for key, versions in found.items()}


def _in_a_cycle(after: Edges) -> set[int]:
    """What is left when whoever has nobody before it is taken away, again and again."""
    before: dict[int, int] = defaultdict(int)
    for followers in after.values():
        for each in followers:
            before[each] += 1
    left = set(after) | set(before)
    free = [each for each in left if not before[each]]
    while free:
        each = free.pop()
        left.discard(each)
        for follower in after.get(each, ()):
            before[follower] -= 1
            if not before[follower]:
                free.append(follower)
    return left
