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
    """Every lane whose position contradicts this database goes on behind it. Whoever publishes for the service is fenced.

    Raises Undecided when a lane has lost commits though none are said to be lost, KafkaException, TimeoutError, and what asyncpg raises.
    """
    async with await open_pool(settings.postgres.get_secret_value(), 2) as pool:
        store, incarnation = ResumeStore(pool), await LaneStore(pool).incarnation()
        found: Found = []
        for stood in await store.lanes():
            publisher = Publisher(OUTSIDE, settings.kafka, service, stood.lane, incarnation)
            position = await asyncio.to_thread(publisher.begin)
            if position is None or (position.incarnation == incarnation and position.seq <= stood.head):
                continue
            if position.seq > stood.head and not lost_commits:
                raise Undecided(f"{_name(stood)} gave out {stood.head} numbers and published {position.seq}: commits were lost; say --lost commits.")
            moved = await store.renumber(stood.lane, position.seq, lost_commits, signed)
            await asyncio.to_thread(publisher.note, position.seq)  # last: until then the lane halts again, and this can be said again
            found.append({"lane": _name(stood), "goes on behind": position.seq, "numbers moved by": moved})
        return found


async def follow_topic(settings: RuntimeSettings, topic: str, from_beginning: bool, signed: Signed) -> Found:
    """Every lane whose topic was made anew, or does not hold the next offset any more, reads the topic that is there now: from the first record that
    it holds, or from the same offset. Raises Undecided, TopicUnclear, KafkaException, and what asyncpg raises."""
    topic_id = (await KafkaTopicIds(settings.kafka).of([topic])).get(topic)
    if topic_id is None:
        raise Undecided(f"There is no topic {topic} to read: `throughline topics apply` makes what is missing.")
    async with await open_pool(settings.postgres.get_secret_value(), 2) as pool:
        store = ResumeStore(pool)
        lanes = [stood for stood in await store.lanes() if stood.lane[0] == topic]
        firsts = await asyncio.to_thread(_firsts, settings.kafka, lanes)
        astray = [stood for stood in lanes if stood.topic_id not in (None, topic_id) or stood.next < firsts[stood.lane[1]]]
        anew = any(stood.topic_id not in (None, topic_id) for stood in lanes)
        if anew and from_beginning and (letters := await store.letters(topic)):
            raise Undecided(
                f"{letters} dead letters and held records of {topic} stand, under offsets that are used again: export and discard them first."
            )
        for stood in astray:
            first = firsts[stood.lane[1]]
            if not from_beginning and stood.next < first:
                raise Undecided(f"{_name(stood)} begins at {first}, and {stood.next} is to be read next: say --from beginning.")
            await store.follow(stood, first if from_beginning else stood.next, topic_id, signed)
        return [
            {"lane": _name(stood), "read up to": stood.next, "goes on at": firsts[stood.lane[1]] if from_beginning else stood.next}
            for stood in astray
        ]


def _firsts(bootstrap: str, lanes: list[Standing]) -> dict[int, int]:
    """The first offset that each partition holds."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    try:
        return {stood.lane[1]: consumer.get_watermark_offsets(TopicPartition(*stood.lane), OPEN_S)[0] for stood in lanes}
    finally:
        consumer.close()


def _name(stood: Standing) -> str:
    return f"{stood.lane[0]}/{stood.lane[1]}"
