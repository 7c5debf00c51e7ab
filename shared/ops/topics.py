"""Brings Kafka's topics to what the catalogue says: creates, grows, corrects settings; never shrinks, never deletes."""

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from shared.wire import catalogue
from shared.wire.catalogue import Catalogue, Kind, Topic
from shared.wire.limits import HEADROOM, MAX_BYTES

TIMEOUT = 30.0  # seconds
DAY = 24 * 3600 * 1000  # milliseconds
COPIES = 3


class TopicsError(Exception):
    """The cluster does not answer, or refuses a change; the message says which and why."""


class Action(StrEnum):
    CREATE = "create"
    GROW = "grow"
    CONFIGURE = "configure"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Step:
    """One difference between catalogue and cluster, and what `apply` does about it. `settings` are those to be set."""

    action: Action
    topic: Topic
    reason: str
    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.action} {self.topic.name}: {self.reason}"


def settings_of(topic: Topic) -> dict[str, str]:
    """The topic's own settings. What is encoded must fit, or its lane would publish nothing any more; so must a dead letter, headers and all."""
    settings = {"cleanup.policy": "compact" if topic.compacted else "delete"}
    if not topic.compacted:
        settings["retention.ms"] = str(topic.retention_days * DAY) if topic.retention_days else "-1"
    settings["max.message.bytes"] = str(2 * MAX_BYTES if topic.kind is Kind.DLT else MAX_BYTES + HEADROOM)
    if topic.kind is Kind.STATUS:  # who counts over the last day finds every status of that day, not only the latest
        settings["min.compaction.lag.ms"] = str(DAY)
    return settings


def plan(kafka: str, topics: Catalogue | None = None) -> list[Step]:
    """What differs; empty when nothing does. `kafka` is HOST:PORT,… Raises TopicsError."""
    return _plan(_admin(kafka), topics or catalogue.load())


def apply(kafka: str, topics: Catalogue | None = None) -> list[str]:
    """Make the cluster what the catalogue says; what was done, a line each. Raises TopicsError."""
    admin = _admin(kafka)
    steps = [step for step in _plan(admin, topics or catalogue.load()) if step.action is not Action.LEAVE]
    by_action = {action: [step for step in steps if step.action is action] for action in Action}
    _create(admin, by_action[Action.CREATE])
    _grow(admin, by_action[Action.GROW])
    _configure(admin, by_action[Action.CONFIGURE])
    return [str(step) for step in steps]


def _plan(admin: AdminClient, topics: Catalogue) -> list[Step]:
    wanted = [topic for topic in topics if topic.exists]
    present = _partitions(admin)
    settings = _settings(admin, [topic.name for topic in wanted if topic.name in present])
    return [step for topic in wanted for step in _compare(topic, present.get(topic.name), settings.get(topic.name, {}))]


def _compare(topic: Topic, partitions: int | None, settings: dict[str, str]) -> list[Step]:
    if partitions is None:
        return [Step(Action.CREATE, topic, f"{topic.partitions} partitions, {_shown(settings_of(topic).items())}")]
    steps: list[Step] = []
    if partitions < topic.partitions:
        steps.append(Step(Action.GROW, topic, f"from {partitions} to {topic.partitions} partitions"))
    elif partitions > topic.partitions:
        steps.append(
            Step(
                Action.LEAVE, topic, f"it has {partitions} partitions, the catalogue {topic.partitions}; a topic cannot shrink, correct the catalogue"
            )
        )
    if drift := tuple((name, value) for name, value in settings_of(topic).items() if settings.get(name) != value):
        reason = ", ".join(f"{name} from {settings.get(name)} to {value}" for name, value in drift)
        steps.append(Step(Action.CONFIGURE, topic, reason, drift))
    return steps


def _shown(settings: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings)


def _admin(kafka: str) -> AdminClient:
    # librdkafka would repeat on stderr that it cannot connect; the error raised says it once
    return AdminClient({"bootstrap.servers": kafka, "log_level": 0})


def _partitions(admin: AdminClient) -> dict[str, int]:
    try:
        return {name: len(found.partitions) for name, found in admin.list_topics(timeout=TIMEOUT).topics.items()}
    except KafkaException as problem:
        raise TopicsError(f"Kafka does not answer: {problem.args[0].str()}; is the broker up at the address given?") from problem


def _settings(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    futures = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
    return {resource.name: {name: entry.value for name, entry in _result(future, resource.name).items()} for resource, future in futures.items()}


def _create(admin: AdminClient, steps: list[Step]) -> None:
    if not steps:
        return
    copies = min(COPIES, len(admin.list_topics(timeout=TIMEOUT).brokers))
    new = [
        NewTopic(step.topic.name, num_partitions=step.topic.partitions, replication_factor=copies, config=settings_of(step.topic)) for step in steps
    ]
    _wait(admin.create_topics(new, operation_timeout=TIMEOUT))


def _grow(admin: AdminClient, steps: list[Step]) -> None:
    if steps:
        _wait(admin.create_partitions([NewPartitions(step.topic.name, step.topic.partitions) for step in steps], operation_timeout=TIMEOUT))


def _configure(admin: AdminClient, steps: list[Step]) -> None:
    if not steps:
        return
    resources = [ConfigResource(ResourceType.TOPIC, step.topic.name, incremental_configs=_entries(step)) for step in steps]
    _wait({resource.name: future for resource, future in admin.incremental_alter_configs(resources).items()})


def _entries(step: Step) -> list[ConfigEntry]:
    return [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in step.settings]


def _wait(futures: dict[str, Future[Any]]) -> None:
    for name, future in futures.items():
        _result(future, name)


def _result(future: Future[Any], name: str) -> Any:
    try:
        return future.result()
    except KafkaException as problem:
        raise TopicsError(f"Kafka refuses the change of topic {name}: {problem.args[0].str()}") from problem
