"""Bookkeeping of lanes: which claim is current, and how far one is."""

from shared.runtime.lanes import CAREFUL_RECORDS, Lanes
from shared.store.rows import LaneRow

LANE = ("contract.state.v1", 2)


def row(next_: int = 10, epoch: int = 1, claims: int = 1, suspect: int | None = None) -> LaneRow:
    return LaneRow(LANE, next_, 5, epoch, claims, suspect, False)


def test_a_record_received_under_an_earlier_claim_is_recognised() -> None:
    lanes = Lanes()
    (first,) = lanes.claimed([row(epoch=1)])
    (second,) = lanes.claimed([row(epoch=2)])
    assert not lanes.holds(first)
    assert lanes.holds(second)


def test_a_lane_that_was_given_up_is_nobodys() -> None:
    lanes = Lanes()
    (claim,) = lanes.claimed([row()])
    lanes.dropped([LANE])
    assert not lanes.holds(claim)
    assert len(lanes) == 0


def test_offsets_of_transaction_markers_do_not_count_as_left_to_do() -> None:
    lanes = Lanes()
    (claim,) = lanes.claimed([row(next_=10)])
    claim.received(10)
    claim.reached_end(12)
    assert claim.caught_up_to == 10  # the record is there, and not committed
    claim.committed(11, 6)
    assert claim.caught_up_to == 12


def test_an_end_reached_before_the_claim_is_read_anew_is_not_believed() -> None:
    lanes = Lanes()
    (claim,) = lanes.claimed([row(next_=0)])
    claim.reached_end(3)  # what came with it is read again, and of that only the first two so far
    claim.begins()
    claim.received(1)
    claim.committed(2, 5)
    assert claim.caught_up_to == 2


def test_claims_without_a_commit_between_them_ask_for_care() -> None:
    assert [Lanes().claimed([row(claims=n)])[0].careful for n in (1, 2, 3)] == [0, 0, CAREFUL_RECORDS]
    assert Lanes().claimed([row(suspect=10)])[0].careful == CAREFUL_RECORDS
