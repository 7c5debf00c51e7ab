"""I7, I8 and I9: every object that a vendor holds was wanted, once, in its order, and no failure was told of what was done."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.faults.checker.evidence import EffectRow, Evidence

DOUBT = "ambiguous"


def objects_are_single(evidence: Evidence) -> Iterator[str]:
    """I7: one object for each wanted external id; a call that ended as done has its object."""
    made = Counter((o.account, o.record, o.external_id) for o in set(evidence.objects))
    for place, count in sorted(made.items()):
        if count > 1:
            yield f"{place[0]} holds {count} {place[1]} with the external id {place[2]}"
    for effect in _effects(evidence):
        if effect.status == "done" and not effect.only_changes and not made[effect.target, effect.record, effect.external_id]:
            yield f"the call {effect.record} {effect.external_id} is done, and {effect.target} holds no such object"


def nothing_else_is_written(evidence: Evidence) -> Iterator[str]:
    """I7: what a vendor was told is, to the last field, what a committed intent says; and what is done was told so."""
    wanted = {(e.target, e.record, e.external_id, e.digest) for e in _effects(evidence)}
    told = {(w.account, w.record, w.external_id, w.digest) for w in evidence.writes}
    for account, record, external_id, _ in sorted(told - wanted):
        yield f"{account} was told of {record} {external_id} what no committed intent says"
    told |= {(w.account, w.record, w.external_id, w.digest) for w in evidence.kept}
    for effect in _effects(evidence):
        if effect.status == "done" and not effect.only_changes and (effect.target, effect.record, effect.external_id, effect.digest) not in told:
            yield f"the call {effect.record} {effect.external_id} is done, and {effect.target} was never told what it says"


def one_call_at_a_time(evidence: Evidence) -> Iterator[str]:
    """I8: the next intent of a contract is committed only after the one before has ended."""
    for name, kept in evidence.services.items():
        by_key: dict[str, list[EffectRow]] = defaultdict(list)
        for effect in kept.effects:
            by_key[effect.key].append(effect)
        for key, effects in by_key.items():
            ordered = sorted(effects, key=lambda e: e.created)
            for before, after in pairwise(ordered):
                if before.ended is None or before.ended > after.created:
                    yield f"{name}: {key} asked for {after.record} {after.external_id} before {before.record} {before.external_id} had ended"


def doubt_is_no_failure(evidence: Evidence) -> Iterator[str]:
    """I9: a call that was once in doubt does not end as rejected while what it asked for is there and nobody else asked for it."""
    there = {(o.account, o.record, o.external_id) for o in evidence.objects}
    done = {(e.target, e.record, e.external_id) for e in _effects(evidence) if e.status == "done"}
    for effect in _effects(evidence):
        place = effect.target, effect.record, effect.external_id
        if effect.status == "rejected" and DOUBT in effect.attempts and place in there and place not in done:
            yield f"the call {effect.record} {effect.external_id} was in doubt and ended as rejected, but {effect.target} holds the object"


def _effects(evidence: Evidence) -> list[EffectRow]:
    return [effect for kept in evidence.services.values() for effect in kept.effects]
