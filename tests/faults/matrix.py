"""The 42 rows of the fault matrix: which faults play them, and why some are not played."""

from tests.faults import feed
from tests.faults.injectors import bending, database, failover, hostile, network, processes, recreated, redriving, vendors
from tests.faults.injectors.kinds import Fault

ROOMS = (network, processes, vendors, database, hostile, bending, redriving)
FAULTS: tuple[Fault, ...] = tuple(fault for room in ROOMS for fault in room.FAULTS)
LAST_ACTS: tuple[Fault, ...] = (recreated.LAST, failover.LAST)
"""They take evidence with them, so they follow the verdict, and only one that holds."""
ROWS = range(1, 43)

NOT_PLAYED = {
    10: "with one broker there is no minimum of replicas to fall below: needs --nodes 3",
    11: "with one broker the coordinator cannot move: needs --nodes 3",
    13: "needs small disks, and --nodes 3: a full disk can cost the only copy of the coordinator's log, and then a transaction stays open for ever",
    14: "this machine does not let us mount small disks",
    16: "a failover loses what was committed: only a long run that holds ends with it",
    40: "no adapter relies on a key that expires: every write is an upsert on an external id, and the requests carry no other key",
    41: "a topic made anew takes evidence with it: only a long run that holds ends with it",
}

PLAYED_AS = {
    26: "bytes that do not decode; none of them ends the process that reads it, which only the simulation plays",
    30: "the vendor throttles; how many attempts that may take is not judged",
    32: "the door refuses a part of a batch; adapters send one record a call, so no vendor's batch can be refused in part",
    34: "Kafka's and PostgreSQL's half-open connections are reset in the end, which would free a client without a deadline; the vendors' are not",
    36: "the answer dribbles; how long the service listened to it is not judged here, but by the tests of its HTTP client",
    39: "each instance is replaced by one of the same version; there is no other to go to and come back from",
    42: "the vendors' tokens are revoked; the passwords of PostgreSQL do not change under a run, and Kafka asks for none",
}
"""Rows that mean more than what plays them: what is played."""


def playable(nodes: int, disks: bool, short: bool) -> list[Fault]:
    return [f for f in FAULTS if f.nodes <= nodes and (disks or not f.disk) and (f.short or not short)]


def not_played(played: set[int]) -> dict[int, str]:
    """Rows that a run did not reach, with the reason."""
    return {row: NOT_PLAYED.get(row, "its fault found nothing to strike in this run") for row in ROWS if row not in played}


def row_of(kind: str) -> int | None:
    known = {fault.kind: fault.row for fault in (*FAULTS, *LAST_ACTS)} | feed.ROWS
    return known[kind]
