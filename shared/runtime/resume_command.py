"""`python -m services.<name> lanes follow-database|follow-topic …`: lets halted lanes go on, and writes which as JSON to standard output."""

import argparse
from collections.abc import Sequence
from typing import Any

from shared.runtime.command_line import answered
from shared.runtime.decision import Service
from shared.runtime.identity import TopicUnclear
from shared.runtime.resuming import Found, Undecided, follow_database, follow_topic
from shared.runtime.settings import RuntimeSettings
from shared.store.pool import AWAY
from shared.store.resuming import Signed


def lanes(service: Service, settings: RuntimeSettings, arguments: Sequence[str]) -> int:
    """The exit code."""
    asked = _parser(service.name).parse_args(arguments)
    return answered(service, settings, lambda: _report(service, settings, asked), Undecided, TopicUnclear, LookupError, *AWAY)


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


async def _report(service: Service, settings: RuntimeSettings, asked: argparse.Namespace) -> dict[str, Any]:
    return {"lanes": await _followed(service, settings, asked)}


async def _followed(service: Service, settings: RuntimeSettings, asked: argparse.Namespace) -> Found:
    signed = Signed(asked.who, asked.why)
    if asked.verb == "follow-database":
        return await follow_database(service.name, settings, asked.lost == "commits", signed)
    return await follow_topic(settings, asked.topic, asked.start == "beginning", signed)
