"""`python -m services.<name> replay [--from WHERE] [--to WHERE]`: writes its report to standard output as JSON; exit code 3 for a difference."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from shared.messages import BY_TOPIC
from shared.runtime.command_line import USAGE, answered
from shared.runtime.decision import Service
from shared.runtime.replaying.comparing import Output, Report, compare, spans_as_json
from shared.runtime.replaying.deciding import Replay
from shared.runtime.replaying.log import Log, spans_of
from shared.runtime.replaying.progress import shown
from shared.runtime.replaying.where import Where, WhereError, read_where
from shared.runtime.settings import RuntimeSettings
from shared.store.shadow import ShadowError, open_shadow, rooms_beside, scripts_of
from shared.wire import catalogue
from shared.wire.codec import Codec
from shared.wire.registry import Registry


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
    return answered(service, settings, lambda: _report(service, settings, start, end), ShadowError)


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
