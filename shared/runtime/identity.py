"""Which topic a name stands for: Kafka gives each an id, and one that is made anew under its name gets another."""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from shared.runtime.lanes import OwnedLane
from shared.runtime.ports import Clock, TopicIds
from shared.store.rows import Lane, LaneRow

ASK_S = 5.0


class TopicUnclear(Exception):
    """Kafka does not say which topic a name stands for: the day is wrong, or the topic is gone. Ask again."""


class MadeAnew(Exception):
    """Topics of these lanes are not those that the lanes counted in: an offset of the one says nothing of the other."""

    def __init__(self, lanes: Mapping[Lane, str]) -> None:
        super().__init__("; ".join(f"{topic}/{part}: {why}" for (topic, part), why in sorted(lanes.items())))
        self.lanes = lanes


class KafkaTopicIds:
    """Asks whichever broker answers. One whose own news are late may name the topic before; what it says next will not."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin: AdminClient | None = None

    async def of(self, topics: Collection[str]) -> Mapping[str, str]:
        if self.admin is None:
            self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "client.id": "throughline-topic-ids"})
        asked = self.admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=ASK_S)
        found: dict[str, str] = {}
        for topic, answer in asked.items():
            try:
                found[topic] = str((await asyncio.wrap_future(answer)).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # one that is gone holds up its own lanes only
                    raise TopicUnclear(f"Kafka does not say which topic {topic} is: {error.args[0].str()}") from error
        return found


class TopicWatch:
    """Compares the topics of lanes with those that the lanes were claimed with. Asked while records are decoded and decided on, answered before
    they are committed: a topic never comes back, so an answer that knows a lane's is true of everything read before it."""

    def __init__(self, ids: TopicIds, clock: Clock) -> None:
        self.ids, self.clock = ids, clock
        self.asked: asyncio.Task[Mapping[str, str] | TopicUnclear] | None = None
        self.compared = 0.0

    @property
    def age(self) -> float:
        """Seconds since something was compared."""
        return self.clock.monotonic() - self.compared

    def ask(self, topics: Collection[str]) -> None:
        self.asked = asyncio.create_task(self._answer(topics))

    async def compare(self, claims: Collection[OwnedLane]) -> None:
        """The claims under which records were read, also those given up since: a deletion may be what took the lane away.

        Raises MadeAnew, or TopicUnclear.
        """
        if not claims or self.asked is None:
            return
        now = await self.asked
        if isinstance(now, TopicUnclear):
            raise now
        self.compared = self.clock.monotonic()
        if anew := strangers(claims, now):
            raise MadeAnew(anew)
        all_known([claim.lane[0] for claim in claims], now)

    def close(self) -> None:
        if self.asked:
            self.asked.cancel()

    async def _answer(self, topics: Collection[str]) -> Mapping[str, str] | TopicUnclear:
        try:
            return await self.ids.of(topics)
        except TopicUnclear as unclear:
            return unclear


def all_known(topics: Iterable[str], topic_ids: Mapping[str, str]) -> None:
    """Raises TopicUnclear for topics that are gone."""
    if gone := sorted(set(topics) - topic_ids.keys()):
        raise TopicUnclear(f"Kafka does not hold {', '.join(gone)}: was it deleted?")


def strangers(lanes: Iterable[OwnedLane | LaneRow], topic_ids: Mapping[str, str]) -> dict[Lane, str]:
    """Lanes whose topic is another one than it was, each with what to say of it."""
    return {each.lane: _advice(each, topic_ids[each.lane[0]]) for each in lanes if topic_ids.get(each.lane[0], each.topic_id) != each.topic_id}


def _advice(lane: OwnedLane | LaneRow, now: str) -> str:
    return (
        f"the topic was deleted and made anew (its id was {lane.topic_id} and is {now}), so offset {lane.next} counts in a topic that is gone; "
        "nothing of the new one is taken until somebody decides, see docs/do/go-on-with-a-topic-made-anew.md"
    )
