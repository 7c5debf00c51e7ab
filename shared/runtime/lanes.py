"""Bookkeeping of the lanes that this process owns: what was received, what is committed, what is published. No I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.store.rows import Lane, LaneRow


@dataclass(slots=True, eq=False)
class OwnedLane:
    """One claim of a lane; a new claim or a rewind makes a new object, so that records received under the old one are recognised.

    `next` is the offset committed to; `end` the end of the partition as last seen, markers of transactions included; `careful` how many
    records are still to be taken one by one, because an owner before seems to have died of one.
    """

    lane: Lane
    epoch: int
    next: int
    head: int
    careful: int = 0
    end: int | None = None
    last_received: int = -1
    topic_id: str = ""
    placed: bool = False  # the consumer reads from `next` on; until then records are of an earlier claim

    def begins(self) -> None:
        """The consumer reads from `next` on: whatever it showed of this claim before comes again, so an end seen then is not reached yet."""
        self.placed, self.end, self.last_received = True, None, -1

    def received(self, offset: int) -> None:
        self.last_received = offset

    def reached_end(self, offset: int) -> None:
        self.end = offset

    def committed(self, new: int, head: int) -> None:
        self.next, self.head = new, head

    @property
    def caught_up_to(self) -> int:
        """Behind this offset nothing is left to decide: markers of transactions take offsets, but carry nothing."""
        return max(self.next, self.end or 0) if self.last_received < self.next else self.next


CLAIMS_TO_SUSPECT, CAREFUL_RECORDS = 3, 1000


def careful_records(row: LaneRow) -> int:
    """Claims that follow each other without a commit between them, or a record noted as suspect, ask for care."""
    return CAREFUL_RECORDS if row.suspect is not None or row.claims >= CLAIMS_TO_SUSPECT else 0


class Lanes:
    """The lanes owned now."""

    def __init__(self) -> None:
        self._owned: dict[Lane, OwnedLane] = {}

    def claimed(self, rows: Iterable[LaneRow]) -> list[OwnedLane]:
        claims = [OwnedLane(r.lane, r.epoch, r.next, r.head, careful_records(r), topic_id=r.topic_id) for r in rows]
        self._owned.update({claim.lane: claim for claim in claims})
        return claims

    def dropped(self, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            self._owned.pop(lane, None)

    def holds(self, claim: OwnedLane) -> bool:
        """Whether `claim` is still the current one of its lane."""
        return self._owned.get(claim.lane) is claim

    def get(self, lane: Lane) -> OwnedLane | None:
        return self._owned.get(lane)

    def __iter__(self) -> Iterator[OwnedLane]:
        return iter(list(self._owned.values()))

    def __len__(self) -> int:
        return len(self._owned)

    @property
    def names(self) -> list[Lane]:
        return list(self._owned)
