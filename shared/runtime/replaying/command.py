"""`python -m services.<name> replay [--from WHERE] [--to WHERE]`: writes its report to standard output as JSON; exit code 3 for a difference."""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import uvloop
from confluent_kafka import KafkaException

from shared.messages import BY_TOPIC
from shared.runtime.decision import Service
from shared.runtime.main import GC_THRESHOLD
from shared.runtime.replaying.comparing import Output, Report, compare, spans_as_json
from shared.runtime.replaying.deciding import Replay
from shared.runtime.replaying.log import Log, spans_of
from shared.runtime.replaying.progress import shown
from shared.runtime.replaying.where import Where, WhereError, read_where
from shared.runtime.settings import RuntimeSettings
from shared.store.shadow import ShadowError, open_shadow, rooms_beside, scripts_of
from shared.telemetry import logs
from shared.wire import catalogue
from shared.wire.codec import Codec
from shared.wire.registry import Registry, RegistryAway

DONE, FAILED, USAGE, FOUND = 0, 1, 2, 3
T = TypeVar("T")
POSTGRES_AWAY = (OSError, TimeoutError)


def replay(service: Service, settings: RuntimeSettings, arguments: Sequence[str]) -> int:
    """The exit code."""
    options = argparse.ArgumentParser(prog=f"services.{service.name} replay")
    options.add_argument("--from", dest="start")
    options.add_argument("--to", dest="end")
    asked = options.parse_args(arguments)
    topics = [route.topic for route in service.routes]
    try:
        start, end = read_where(asked.start, topics), read_where(asked.end, topics)
    except WhereError as error:
        print(error, file=sys.stderr)
        return USAGE
    return answered(service, settings, lambda: _report(service, settings, start, end))


def answered(service: Service, settings: RuntimeSettings, ask: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> int:
    """Print what `ask` found, as JSON; 3 when that holds a difference. Standard output carries nothing else, so logs are kept to the worst."""
    logs.configure(service.name, "CRITICAL")
    try:
        found = quick(ask())
    except (ShadowError, RegistryAway, KafkaException, *POSTGRES_AWAY) as error:
        print(f"{error or type(error).__name__} (Kafka {settings.kafka}, registry {settings.registry})", file=sys.stderr)
        return FAILED
    json.dump(found, sys.stdout, default=str)
    return FOUND if any(found.get("different", {}).values()) else DONE


def quick(asked: Coroutine[Any, Any, T]) -> T:
    """Run it on the loop, and with the collector's pace, that services run with."""
    gc.set_threshold(*GC_THRESHOLD)
    return uvloop.run(asked)


async def _report(service: Service, settings: RuntimeSettings, start: Where, end: Where) -> dict[str, Any]:
    return (await run(service, settings, outputs_of(service.name), start, end)).as_json()


async def run(service: Service, settings: RuntimeSettings, outputs: Sequence[Output], start: Where, end: Where) -> Report:
    """Decide anew on the range and compare. Raises ShadowError, RegistryAway, KafkaException, and what asyncpg raises."""
    codec = Codec(Registry(settings.registry))
    spans = spans_of(settings.kafka, [route.topic for route in service.routes], start, end)
    async with open_shadow(settings.postgres.get_secret_value(), rooms_beside(service.name)[0]) as shadow:
        await shadow.make(scripts_of(service.name))
        await shadow.enter(spans)
        await shadow.remember()
        report = Report(service.name, shadow.name, spans_as_json(spans), sum(span.past - span.first for span in spans))
        log = Log(settings.kafka, spans)
        try:
            replaying = Replay(service, codec, shadow, log)
            with shown(f"replaying {service.name}", report.records) as advance:
                await replaying.run(advance)
        finally:
            log.close()
        report.decided = replaying.decided
        await compare(shadow, outputs, settings.kafka, codec, report)
        return report


def outputs_of(service: str) -> list[Output]:
    """The topics that the catalogue says the service writes. What others of its processes write is theirs."""
    kinds = (catalogue.Kind.STATE, catalogue.Kind.STATUS)
    owned = [topic for topic in catalogue.load() if topic.owner == service and topic.kind in kinds and service not in topic.readers]
    status = [topic for topic in catalogue.load() if topic.owner == service and topic.kind is catalogue.Kind.STATUS]
    return [Output(topic.name, BY_TOPIC[topic.name], topic.compacted) for topic in {t.name: t for t in (*owned, *status)}.values()]
