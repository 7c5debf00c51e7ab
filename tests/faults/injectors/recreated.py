"""A topic that is deleted and made anew under the same name: the last act of a run, as it takes evidence with it."""

import asyncio
import random
import signal
import time

import asyncpg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Fault

TOPIC, READER = "source.crm.account.v1", "master_data"
WATCHED_S = 120.0  # a reader may end and start anew before it says what it found
MORE = 60  # records a partition: beyond every offset that was read before
Rows = list[tuple[int, int]]


def topic_made_anew(arena: Arena, rng: random.Random) -> int:
    """One reader meets it running, the other when it starts. Raises AssertionError when one goes on as if nothing had happened, as the new
    topic's first records would be skipped, or when no lane of it is said to be halted."""
    before = asyncio.run(_offsets(arena.plan.admin_dsn))
    _make_anew(arena.admin(), len(before), arena.plan.nodes)
    _fill(arena.plan.bootstrap, len(before))
    next(each for each in arena.services if each.name.startswith(READER)).send(signal.SIGTERM)
    end, silent = time.monotonic() + WATCHED_S, {f"{TOPIC}/{part}" for part, _ in before}
    while silent:
        now = asyncio.run(_offsets(arena.plan.admin_dsn))
        moved = [(was, row) for was, row in zip(before, now, strict=True) if was != row]
        assert not moved, f"{READER} went on in {TOPIC} after it was made anew, from {moved[0][0]} to {moved[0][1]}: records before that are skipped"
        assert time.monotonic() < end, f"{', '.join(sorted(silent))} made anew, and nobody says so {WATCHED_S:.0f} s later"
        silent -= {lane for status in arena.statuses() if status for lane in status["halted"]}
        time.sleep(1.0)
    return 1


def _make_anew(admin: AdminClient, partitions: int, nodes: int) -> None:
    for deleted in admin.delete_topics([TOPIC]).values():
        deleted.result(20)
    end = time.monotonic() + 20
    while TOPIC in admin.list_topics(timeout=10).topics and time.monotonic() < end:
        time.sleep(0.2)
    for made in admin.create_topics([NewTopic(TOPIC, partitions, min(nodes, 3))]).values():
        made.result(20)


def _fill(bootstrap: str, partitions: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for partition in range(partitions):
        for number in range(MORE):
            producer.produce(TOPIC, f"new {number}".encode(), key=f"NEW-{partition}-{number}".encode(), partition=partition)
    producer.flush(30)


async def _offsets(dsn: str) -> Rows:
    db = await asyncpg.connect(dsn)
    try:
        rows = await db.fetch(f"select part, next from {READER}.lane where topic = $1 order by part", TOPIC)
    finally:
        await db.close()
    return [(row["part"], row["next"]) for row in rows]


LAST = Fault("a topic made anew under its name", 41, topic_made_anew)
