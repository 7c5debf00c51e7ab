"""Lets the lanes of a service that stands still go on, once a person has decided which of log and database is right."""

import asyncio
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from shared.runtime.identity import KafkaTopicIds
from shared.runtime.outside import OUTSIDE
from shared.runtime.positions import OPEN_S, Publisher
from shared.runtime.settings import RuntimeSettings
from shared.store.lanes import LaneStore
from shared.store.pool import open_pool
from shared.store.resuming import ResumeStore, Signed, Standing

Found = list[dict[str, Any]]


class Undecided(Exception):
    """What was said does not fit what is there; the message says how."""


async def follow_database(service: str, settings: RuntimeSettings, lost_commits: bool, signed: Signed) -> Found:
    """Every lane whose position contradicts this database goes on behind it; none, when one is refused. Whoever publishes for the service is fenced.

    Raises Undecided when a lane has lost commits though none are said to be lost, KafkaException, TimeoutError, and what asyncpg raises.
    """
    async with await open_pool(settings.postgres.get_secret_value(), 2) as pool:
        store, incarnation = ResumeStore(pool), await LaneStore(pool).incarnation()
        contradicting: list[tuple[Standing, Publisher, int]] = []
        for stood in await store.lanes():
            publisher = Publisher(OUTSIDE, settings.kafka, service, stood.lane, incarnation)
            position = await asyncio.to_thread(publisher.begin)
            if position is not None and (position.incarnation != incarnation or position.seq > stood.head):
                contradicting.append((stood, publisher, position.seq))
        for stood, _, seq in contradicting:
            if seq > stood.head and not lost_commits:
                raise Undecided(f"{_name(stood)} gave out {stood.head} numbers and published {seq}: commits were lost; say --lost commits.")
        found: Found = []
        for stood, publisher, seq in contradicting:
            moved = await store.renumber(stood.lane, seq, lost_commits, signed)
            await asyncio.to_thread(publisher.note, seq)  # last: until then the lane halts again, and this can be said again
            found.append({"lane": _name(stood), "goes on behind": seq, "numbers moved by": moved})
        return found


async def follow_topic(settings: RuntimeSettings, topic: str, from_beginning: bool, signed: Signed) -> Found:
    """Every lane whose topic was made anew, or does not hold the next offset, reads the topic that is there now: from the first record that it
    holds, or from the same offset; none, when one is refused. Lanes without a partition any more are named, and left.

    Raises Undecided, TopicUnclear, KafkaException, and what asyncpg raises.
    """
    topic_id = (await KafkaTopicIds(settings.kafka).of([topic])).get(topic)
    if topic_id is None:
        raise Undecided(f"There is no topic {topic} to read: `throughline topics apply` makes what is missing.")
    async with await open_pool(settings.postgres.get_secret_value(), 2) as pool:
        store = ResumeStore(pool)
        lanes = [stood for stood in await store.lanes() if stood.lane[0] == topic]
        ends = await asyncio.to_thread(_ends, settings.kafka, topic)
        gone = [stood for stood in lanes if stood.lane[1] not in ends]
        astray = [stood for stood in lanes if stood not in gone and _is_astray(stood, topic_id, ends[stood.lane[1]])]
        if not from_beginning:
            _same_is_there(astray, ends)
        elif letters := await store.letters(topic, [stood.lane[1] for stood in astray if _is_anew(stood, topic_id)]):
            raise Undecided(f"{letters} dead letters and held records of {topic} stand, under offsets that are used again: export and discard them.")
        found: Found = [{"lane": _name(stood), "read up to": stood.next, "goes on at": "no partition any more"} for stood in gone]
        for stood in astray:
            start = ends[stood.lane[1]][0] if from_beginning else stood.next
            await store.follow(stood, start, topic_id, signed)
            found.append({"lane": _name(stood), "read up to": stood.next, "goes on at": start})
        return found


def _is_astray(stood: Standing, topic_id: str, ends: tuple[int, int]) -> bool:
    return _is_anew(stood, topic_id) or not _reaches(ends, stood)


def _is_anew(stood: Standing, topic_id: str) -> bool:
    return stood.topic_id not in (None, topic_id)


def _reaches(ends: tuple[int, int], stood: Standing) -> bool:
    """Whether the next offset lies between the ends of its partition."""
    return ends[0] <= stood.next <= ends[1]


def _same_is_there(astray: list[Standing], ends: dict[int, tuple[int, int]]) -> None:
    """Raises Undecided for a lane whose next offset the topic does not hold."""
    for stood in astray:
        first, past = ends[stood.lane[1]]
        if not _reaches((first, past), stood):
            raise Undecided(f"{_name(stood)} holds {first} up to {past}, and {stood.next} is to be read next: say --from beginning.")


def _ends(bootstrap: str, topic: str) -> dict[int, tuple[int, int]]:
    """The first offset that each partition holds, and the one behind its last."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    try:
        partitions = consumer.list_topics(topic, OPEN_S).topics[topic].partitions
        return {part: consumer.get_watermark_offsets(TopicPartition(topic, part), OPEN_S) for part in partitions}
    finally:
        consumer.close()


def _name(stood: Standing) -> str:
    return f"{stood.lane[0]}/{stood.lane[1]}"
