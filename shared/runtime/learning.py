"""What a service asks the schema registry for before it begins: the ids of everything that it publishes."""

import asyncio
from contextlib import suppress

from shared.messages import BY_TOPIC
from shared.runtime.retry import AGAIN, delay_before
from shared.telemetry import logs
from shared.wire import catalogue
from shared.wire.codec import Codec, NotPublished
from shared.wire.registry import RegistryAway

log = logs.get(__name__)


async def learn(service: str, codec: Codec, stopping: asyncio.Event) -> None:
    """Until all is known, or `stopping`. Asked for by the first decision instead, they would hold up the loop while the registry is silent."""
    attempt = 0
    for topic in [topic.name for topic in catalogue.load() if topic.owner == service and topic.name in BY_TOPIC]:
        while not stopping.is_set():
            try:
                await asyncio.to_thread(codec.prepare, BY_TOPIC[topic], topic)
                break
            except (RegistryAway, NotPublished) as missing:
                attempt += 1
                log.warning("schemas_wait_for_registry", topic=topic, reason=str(missing))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), delay_before(attempt, 1.0, AGAIN))
