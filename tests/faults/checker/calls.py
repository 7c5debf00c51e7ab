"""I7, I8 and I9: every object that a vendor holds was wanted, once, in its order, and no failure was told of what was done."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.faults.checker.evidence import EffectRow, Evidence, Heard, VendorCall, VendorObject, VendorWrite

DONE, REJECTED, DOUBT = "done", "rejected", "ambiguous"
Place = tuple[str, str, str]  # account, record, external id


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
    told |= {(w.account, w.record, w.external_id, w.digest) for w in evidence.kept}
    for account, record, external_id, _ in sorted(told - wanted):
        yield f"{account} was told of {record} {external_id} what no committed intent says"
    for effect in _effects(evidence):
        if effect.status == "done" and not effect.only_changes and (effect.target, effect.record, effect.external_id, effect.digest) not in told:
            yield f"the call {effect.record} {effect.external_id} is done, and {effect.target} was never told what it says"


def nothing_else_is_there(evidence: Evidence) -> Iterator[str]:
    """I7: a vendor holds no object that no intent asks for; what it was sown with is not of the evidence."""
    for place in sorted({_place(o) for o in evidence.objects} - {_wanted(e) for e in _effects(evidence)}):
        yield f"{place[0]} holds {place[1]} {place[2]}, which no committed intent asks for"


def the_newest_is_there(evidence: Evidence) -> Iterator[str]:
    """I7: what an object was told last is what the last call about it says, where that call is done and one contract alone asks for the object.

    Each call is known by what it says, a change by the change alone. A last call that was rejected may have been carried out, so it proves
    nothing; and of contracts that share an object, as of a customer, the vendor says whose turn it was.
    """
    told = {_place(write): write.digest for write in evidence.kept}
    by_place: dict[Place, list[EffectRow]] = defaultdict(list)
    for effect in _effects(evidence):
        by_place[_wanted(effect)].append(effect)
    for place, effects in by_place.items():
        last = max(effects, key=lambda e: e.created)
        if len({e.key for e in effects}) == 1 and last.status == DONE and told.get(place, last.digest) != last.digest:
            yield f"{place[0]} was told of {place[1]} {place[2]} last what is not the last call's"


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


def refusals_are_the_vendors(evidence: Evidence) -> Iterator[str]:
    """I9: a call ends as rejected only where its vendor would not have the object; silence, or an answer about the day, is no refusal."""
    refused = {_place(call) for call in evidence.calls if call.heard is Heard.REFUSED}
    for effect in _effects(evidence):
        if REJECTED in effect.attempts and _wanted(effect) not in refused:
            yield f"the call {effect.record} {effect.external_id} ended as rejected, and {effect.target} never refused it"


def doubt_is_looked_into(evidence: Evidence) -> Iterator[str]:
    """I9: what was carried out is not sent again, and then called rejected, without a look in between.

    A look is enough whatever it showed, as what is shown may lag behind. Judged is what one intent alone says, up to its first end and to the
    first refusal of its object: behind those, another round may ask for the same. The order is the vendor's own; no clocks are compared.
    """
    calls: dict[Place, list[VendorCall]] = defaultdict(list)
    for call in evidence.calls:
        calls[_place(call)].append(call)
    said = Counter((_wanted(effect), effect.digest) for effect in _effects(evidence))
    for effect in _effects(evidence):
        end = next((outcome for outcome in effect.attempts if outcome in (DONE, REJECTED)), None)
        place = _wanted(effect)
        if end == REJECTED and said[place, effect.digest] == 1 and _refused_unseen(calls[place], effect.digest):
            yield f"the call {effect.record} {effect.external_id} was carried out, sent again without a look, and ended as rejected"


def _refused_unseen(calls: list[VendorCall], digest: str) -> bool:
    """Whether the first refusal comes behind a call of that digest, and nothing was shown since something else was taken."""
    taken = shown = False
    for call in calls:
        match call.heard:
            case Heard.REFUSED:
                return taken and not shown
            case Heard.SHOWN:
                shown = True
            case Heard.TAKEN if call.digest == digest:
                taken = True
            case Heard.TAKEN:
                taken = shown = False
    return False


def _place(there: VendorObject | VendorWrite | VendorCall) -> Place:
    return there.account, there.record, there.external_id


def _wanted(effect: EffectRow) -> Place:
    return effect.target, effect.record, effect.external_id


def _effects(evidence: Evidence) -> list[EffectRow]:
    return [effect for kept in evidence.services.values() for effect in kept.effects]
