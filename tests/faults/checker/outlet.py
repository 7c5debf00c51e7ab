"""I5, I6 and I11: what was committed was published, all of it, in order, once; and what was put aside is kept to the byte."""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from tests.faults.checker.evidence import LANE, SEQ, Evidence, Lane, Position, PutAside, TopicRecord, outlets

MARK = b"mark"
"""Key of what a relay writes to learn where its log ends; it is no position."""


def lanes_are_dense(evidence: Evidence) -> Iterator[str]:
    """I5: the sequence numbers of a lane, over all topics it publishes to, are 1..head; within a partition they rise."""
    for name, kept in evidence.services.items():
        published = _published(evidence, name)
        heads = {row.lane: row.head for row in kept.lanes}
        for lane in sorted(heads.keys() | published.keys()):
            numbered = published.get(lane, [])
            expected = list(range(1, heads.get(lane, 0) + 1))
            if sorted(seq for seq, _ in numbered) != expected:
                written = _written(evidence, name, lane)
                yield f"{name} {_lane(lane)}: head {heads.get(lane, 0)}, {_difference(numbered, expected, written)}"
            yield from _inversions(name, lane, numbered)


def positions_agree(evidence: Evidence) -> Iterator[str]:
    """I6: no relay is ahead of its lane, none wrote for another database; at quiescence each is at the head."""
    for name, kept in evidence.services.items():
        positions = _positions(evidence, name)
        for row in kept.lanes:
            known = positions.get(row.lane)
            if known is None:
                if row.head:
                    yield f"{name} {_lane(row.lane)}: head {row.head}, and no position"
            elif known.seq != row.head:
                yield f"{name} {_lane(row.lane)}: position {known.seq}, head {row.head}"
            elif known.incarnation.partition("/")[0] != kept.incarnation:
                yield f"{name} {_lane(row.lane)}: the position is of another database"


def put_aside_is_exact(evidence: Evidence) -> Iterator[str]:
    """I11: key, value and headers of dead letters and held records are those of the log; the letter's copy in its topic is too."""
    places = evidence.by_place()
    for name, kept in evidence.services.items():
        copies = evidence.of_topic(f"{name}.dlt.v1")
        for row in [*kept.dead, *kept.held]:
            if row.offset < 0:
                continue
            original = places.get((*row.lane, row.offset))
            if original is None:
                yield f"{name} keeps a record of {_lane(row.lane)}@{row.offset} that the log does not hold"
            elif (original.key, original.value, original.headers) != (row.record_key, row.value, row.headers):
                yield f"{name}: what is kept of {_lane(row.lane)}@{row.offset} is not what came"
        for row in kept.dead:
            if not any(_is_copy(copy, row) for copy in copies):
                yield f"{name}: {name}.dlt.v1 holds no exact copy of {_lane(row.lane)}@{row.offset}"
        letters = [(row.lane, row.offset, row.code) for row in kept.dead if row.offset >= 0 and not row.resolved]
        if len(letters) != len(set(letters)):
            yield f"{name} buried a record twice for the same cause"


def _published(evidence: Evidence, service: str) -> dict[Lane, list[tuple[int, TopicRecord]]]:
    found: dict[Lane, list[tuple[int, TopicRecord]]] = defaultdict(list)
    for topic in outlets(service):
        for record in evidence.of_topic(topic):
            headers = dict(record.headers)
            if LANE in headers and SEQ in headers:
                found[_parsed(headers[LANE])].append((int(headers[SEQ]), record))
    return found


def _positions(evidence: Evidence, service: str) -> dict[Lane, Position]:
    """The last one of each lane stands."""
    found: dict[Lane, Position] = {}
    for record in sorted(evidence.of_topic(f"{service}.position.v1"), key=lambda r: r.offset):
        if record.key == MARK:
            continue
        content = msgspec.json.decode(record.value or b'{"seq": -1, "incarnation": "wiped out"}')
        lane = _parsed(record.key or b"")
        found[lane] = Position(lane, content["seq"], content["incarnation"])
    return found


def _inversions(name: str, lane: Lane, records: list[tuple[int, TopicRecord]]) -> Iterator[str]:
    last: dict[tuple[str, int], int] = {}
    for seq, record in sorted(records, key=lambda each: (each[1].topic, each[1].partition, each[1].offset)):
        place = record.topic, record.partition
        if seq <= last.get(place, 0):
            yield f"{name} {_lane(lane)}: {seq} comes behind {last[place]} in {place[0]}/{place[1]}"
        last[place] = seq


def _is_copy(copy: TopicRecord, row: PutAside) -> bool:
    """Headers of an earlier burial give way to those of this one, so only those that are no burial's are compared."""
    same = (copy.key, copy.value) == (row.record_key, row.value)
    return same and {h for h in row.headers if not _of_burial(h[0])} <= set(copy.headers)


def _of_burial(header: str) -> bool:
    return header.startswith(("__dlq.", "throughline-"))


def _written(evidence: Evidence, service: str, lane: Lane) -> set[int]:
    """Sequences that were sent to the log, whatever became of their transactions."""
    own = _lane(lane).encode()
    return {int(seq) for topic, of, seq in evidence.written if of == own and topic in outlets(service)}


def _difference(numbered: list[tuple[int, TopicRecord]], expected: list[int], written: set[int]) -> str:
    places: dict[int, list[str]] = defaultdict(list)
    for seq, record in numbered:
        places[seq].append(f"{record.topic}/{record.partition}@{record.offset}")
    missing = sorted(set(expected) - places.keys())
    extra = sorted(places.keys() - set(expected))
    twice = [f"{seq} at {' and '.join(places[seq])}" for seq in sorted(places) if len(places[seq]) > 1]
    torn = [seq for seq in missing if seq in written][:5]
    return f"missing {missing[:5]}, twice {twice[:5]}, beyond {extra[:5]}" + (f"; written, but not committed: {torn}" if torn else "")


def _parsed(text: bytes) -> Lane:
    topic, _, part = text.decode().rpartition("/")
    return topic, int(part)


def _lane(lane: Lane) -> str:
    return f"{lane[0]}/{lane[1]}"
