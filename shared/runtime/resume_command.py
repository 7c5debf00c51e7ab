"""`python -m services.<name> lanes follow-database|follow-topic …`: lets halted lanes go on, and writes which as JSON to standard output."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence

from confluent_kafka import KafkaException

from shared.runtime.decision import Service
from shared.runtime.identity import TopicUnclear
from shared.runtime.resuming import Found, Undecided, follow_database, follow_topic
from shared.runtime.settings import RuntimeSettings
from shared.store.pool import AWAY
from shared.store.resuming import Signed
from shared.telemetry import logs

DONE, FAILED = 0, 1


def lanes(service: Service, settings: RuntimeSettings, arguments: Sequence[str]) -> int:
    """The exit code."""
    asked = _parser(service.name).parse_args(arguments)
    logs.configure(service.name, "CRITICAL")  # standard output carries the answer
    try:
        json.dump(asyncio.run(_followed(service, settings, asked)), sys.stdout)
    except (Undecided, TopicUnclear, KafkaException, LookupError, *AWAY) as error:
        print(f"{str(error) or type(error).__name__} (Kafka {settings.kafka})", file=sys.stderr)
        return FAILED
    return DONE


def _parser(service: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"services.{service} lanes")
    verbs = parser.add_subparsers(dest="verb", required=True)
    database, topic = verbs.add_parser("follow-database"), verbs.add_parser("follow-topic")
    database.add_argument("--lost", choices=("nothing", "commits"), required=True)
    topic.add_argument("topic")
    topic.add_argument("--from", dest="start", choices=("beginning", "same"), required=True)
    for each in (database, topic):
        each.add_argument("--who", required=True)
        each.add_argument("--why", required=True)
    return parser


async def _followed(service: Service, settings: RuntimeSettings, asked: argparse.Namespace) -> Found:
    signed = Signed(asked.who, asked.why)
    if asked.verb == "follow-database":
        return await follow_database(service.name, settings, asked.lost == "commits", signed)
    return await follow_topic(settings, asked.topic, asked.start == "beginning", signed)
