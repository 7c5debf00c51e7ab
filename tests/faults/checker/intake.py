"""I1, I2, I3 and I10: what was sent was decided on, once, in a chain of whole transactions, and nothing is left to do."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from tests.faults.checker.evidence import INPUTS, EffectRow, Evidence, JournalRow, Kept, Lane, Sent

DEAD, HELD = "dead_lettered", "held"


def acknowledged_is_there(evidence: Evidence) -> Iterator[str]:
    """I1, towards the sender: what was acknowledged is in the log, what was refused is not."""
    held: dict[tuple[str, bytes], list[bytes]] = defaultdict(list)
    sources = {fed.topic for fed in evidence.fed}
    for record in evidence.records:
        if record.topic in sources:
            held[record.topic, record.key or b""].append(record.value or b"")
    for fed in evidence.fed:
        there = any(fed.mark in value for value in held[fed.topic, fed.key.encode()])
        if fed.outcome is Sent.OK and not there:
            yield f"{fed.topic} acknowledged {fed.key} {fed.mark!r}, and does not hold it"
        if fed.outcome is Sent.FAILED and there:
            yield f"{fed.topic} holds {fed.key} {fed.mark!r}, which was refused"


def each_input_decided_once(evidence: Evidence) -> Iterator[str]:
    """I1: every committed record below the lane's offset has exactly one outcome; nothing else has one."""
    for name, kept in evidence.services.items():
        decided = Counter((*row.lane, row.offset or 0) for row in kept.journal if _first(row))
        lanes = {row.lane: row for row in kept.lanes}
        places = {(r.topic, r.partition, r.offset) for r in evidence.records if (r.topic, r.partition) in lanes}
        below = {place for place in places if place[2] < lanes[place[:2]].next}
        for place in sorted(below - decided.keys()):
            yield f"{name} passed {_at(place)} without an outcome"
        for place, count in sorted(decided.items()):
            if count > 1:
                yield f"{name} decided {count} times on {_at(place)}"
            if place not in below:
                yield f"{name} decided on {_at(place)}, which is not a committed record below its offset"


def every_input_has_a_lane(evidence: Evidence) -> Iterator[str]:
    """I1: each partition of a service's inputs that holds a record has a lane; records that nobody reads would pass every other check."""
    for name, kept in evidence.services.items():
        lanes = {row.lane for row in kept.lanes}
        filled = {(r.topic, r.partition) for r in evidence.records if r.topic in INPUTS.get(name, ())}
        for topic, part in sorted(filled - lanes):
            yield f"{name} has no lane of {topic}/{part}, which holds records"


def epochs_chain(evidence: Evidence) -> Iterator[str]:
    """I2: along a lane's offsets, transactions and epochs never fall; along its transactions, epochs never fall either."""
    for name, kept in evidence.services.items():
        for lane, rows in _by_lane(kept).items():
            records = sorted((row for row in rows if _first(row)), key=lambda row: row.offset or 0)
            for before, after in pairwise(records):
                if after.xid < before.xid or after.epoch < before.epoch:
                    yield f"{name} {lane[0]}/{lane[1]}: offset {after.offset} (epoch {after.epoch}) was committed before {before.offset}"
            ordered = sorted(rows, key=lambda row: row.xid)
            for before, after in pairwise(ordered):
                if after.epoch < before.epoch:
                    yield f"{name} {lane[0]}/{lane[1]}: epoch {after.epoch} wrote after epoch {before.epoch}"
            top = max((row.epoch for row in rows), default=0)
            for row in kept.lanes:
                if row.lane == lane and row.epoch < top:
                    yield f"{name} {lane[0]}/{lane[1]}: the fence has epoch {row.epoch}, the journal {top}"


def batches_are_whole(evidence: Evidence) -> Iterator[str]:
    """I3: every version of a state is one transaction's, the state's own row is of that transaction, and so is what was put aside."""
    for name, kept in evidence.services.items():
        yield from _versions(name, kept)
        buried = {(row.lane, row.offset): row.xid for row in kept.journal if row.outcome == DEAD and row.offset is not None}
        letters = {(row.lane, row.offset): row for row in kept.dead}
        for place in buried.keys() - letters.keys():
            yield f"{name} journalled a dead letter of {_at((*place[0], place[1]))} and did not keep it"
        for place, letter in letters.items():
            answered = any(row.outcome == DEAD and row.inbox is not None and row.key == letter.key for row in kept.journal)
            if place not in buried and not answered:
                yield f"{name} keeps a dead letter of {_at((*place[0], place[1]))} that no transaction journalled"
            if place in buried and not letter.resolved and letter.xid != buried[place] and not answered:
                yield f"{name}: the dead letter of {_at((*place[0], place[1]))} is of another transaction than its outcome"
        journalled = {(row.key, row.xid) for row in kept.journal if row.outcome == HELD}  # held anew after a release, it has no offset
        for row in kept.held:
            if (row.key, row.xid) not in journalled:
                yield f"{name}: the held record {_at((*row.lane, row.offset))} is of another transaction than its outcome"


def nothing_is_left(evidence: Evidence) -> Iterator[str]:
    """I10, at quiescence: no lag, no outbox, no inbox, every intent ended; what is complete is provisioned exactly once."""
    ends: dict[Lane, int] = {}
    for record in evidence.records:
        place = record.topic, record.partition
        ends[place] = max(ends.get(place, 0), record.offset + 1)
    for name, kept in evidence.services.items():
        for row in kept.lanes:
            if row.next < ends.get(row.lane, 0):
                yield f"{name} is at {row.next} of {ends[row.lane]} in {row.topic}/{row.part}"
        if kept.inbox or kept.unpublished:
            yield f"{name} has {kept.inbox} inbox rows and {len(kept.unpublished)} outbox rows left"
        for effect in kept.effects:
            if effect.status not in ("done", "rejected"):
                yield f"{name}: the call {effect.record} {effect.external_id} is still {effect.status}"
    projects = Counter(effect.key for effect in _calls(evidence, "erp_provisioning") if effect.record == "job" and effect.status == "done")
    for contract in sorted(evidence.provisioned):
        if projects[f"contract:{contract}"] == 0:
            yield f"contract {contract} lacks nothing and has no project"


def _calls(evidence: Evidence, service: str) -> list[EffectRow]:
    return evidence.services[service].effects if service in evidence.services else []


def _versions(name: str, kept: Kept) -> Iterator[str]:
    written: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row in kept.journal:
        if row.key is not None and row.version is not None:
            written[row.key][row.version].add(row.xid)
    for state in kept.states:
        versions = written.pop(state.key, {})
        if sorted(versions) != list(range(1, state.version + 1)):
            yield f"{name}: {state.key} is at version {state.version}, its journal knows {sorted(versions)[-5:]}"
        elif versions[state.version] != {state.xid}:
            yield f"{name}: {state.key} version {state.version} is of transaction {state.xid}, its outcome of {sorted(versions[state.version])}"
        for version, xids in versions.items():
            if len(xids) > 1:
                yield f"{name}: {state.key} version {version} was written by {len(xids)} transactions"
    for key in written:
        yield f"{name}: the journal knows versions of {key}, which has no state"


def _first(row: JournalRow) -> bool:
    """A record as it came from its topic; a dead letter re-driven, or a record set free behind one, comes from the inbox."""
    return row.offset is not None and row.inbox is None


def _by_lane(kept: Kept) -> dict[Lane, list[JournalRow]]:
    lanes: dict[Lane, list[JournalRow]] = defaultdict(list)
    for row in kept.journal:
        lanes[row.lane].append(row)
    return lanes


def _at(place: tuple[str, int, int | None]) -> str:
    return f"{place[0]}/{place[1]}@{place[2]}"
