"""The ids of topics, asked of the broker in memory."""

from collections.abc import Collection, Mapping

from shared.runtime.identity import TopicUnclear
from tests.simulation.broker import Broker
from tests.simulation.world import World


class SimulatedTopicIds:
    def __init__(self, world: World, broker: Broker) -> None:
        self.world, self.broker = world, broker

    async def of(self, topics: Collection[str]) -> Mapping[str, str]:
        ids: dict[str, str] = await self.world.exchange("kafka", "topic ids", lambda: {t: self.broker.topic_ids[t] for t in topics}, TopicUnclear)
        return ids
