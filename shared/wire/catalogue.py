"""The catalogue of topics: whose each is, how it is keyed, who reads it and how long it stays, as schemas/topics.toml says."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


class CatalogueError(ValueError):
    """schemas/topics.toml says something that cannot be; the message names the topic and the key."""


class Kind(StrEnum):
    SOURCE = "source"
    STATE = "state"
    STATUS = "status"
    DLT = "dlt"
    POSITION = "position"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic. `schema` is the full name of its record, None where values are no Avro; `retention_days` 0 keeps for ever."""

    name: str
    kind: Kind
    owner: str
    key: str
    schema: str | None
    readers: tuple[str, ...]
    partitions: int
    retention_days: int
    compacted: bool

    @property
    def subject(self) -> str:
        return f"{self.name}-value"

    @property
    def exists(self) -> bool:
        """Whether the cluster holds it: a planned topic has a schema only, until its service comes."""
        return self.kind is not Kind.PLANNED


@dataclass(frozen=True, slots=True)
class Catalogue:
    topics: tuple[Topic, ...]
    services: tuple[str, ...]

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.topics)

    def topic(self, name: str) -> Topic:
        """Raises KeyError for a topic that is not in the catalogue."""
        for topic in self.topics:
            if topic.name == name:
                return topic
        raise KeyError(name)

    def typed(self) -> Iterator[tuple[Topic, str]]:
        """Topics whose values are Avro, each with the full name of its record."""
        return ((topic, topic.schema) for topic in self.topics if topic.schema is not None)


def load(path: Path = SCHEMAS / "topics.toml") -> Catalogue:
    """Raises CatalogueError when a topic lacks something or names an unknown kind."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    services = tuple(content["services"]["names"])
    topics = [_topic(name, entry, content["defaults"]) for name, entry in content["topics"].items()]
    for service in services:
        topics += _service_topics(service, content["services"])
    return Catalogue(tuple(topics), services)


def _topic(name: str, entry: dict[str, Any], defaults: dict[str, Any]) -> Topic:
    try:
        kind = Kind(entry["kind"])
        return Topic(
            name=name,
            kind=kind,
            owner=entry["owner"],
            key=entry["key"],
            schema=entry["schema"],
            readers=tuple(entry["readers"]),
            partitions=entry.get("partitions", defaults["partitions"]),
            retention_days=entry.get("retention_days", defaults["retention_days"]),
            compacted=kind is Kind.STATUS,
        )
    except (KeyError, ValueError) as problem:
        raise CatalogueError(f"topic {name} in topics.toml: {problem}; every topic needs kind, owner, key, schema and readers") from problem


def _service_topics(service: str, entry: dict[str, Any]) -> list[Topic]:
    """A service's dead letters, and the positions of its relays: a lane's is in the partition of the lane's own number."""
    dead = Topic(
        name=f"{service}.dlt.v1",
        kind=Kind.DLT,
        owner=service,
        key="key of the original record",
        schema=None,
        readers=("visibility",),
        partitions=entry["dlt_partitions"],
        retention_days=entry["dlt_retention_days"],
        compacted=False,
    )
    position = Topic(
        name=f"{service}.position.v1",
        kind=Kind.POSITION,
        owner=service,
        key="lane, or `mark` where a relay noted where it reads to",
        schema=None,
        readers=(service,),
        partitions=entry["position_partitions"],
        retention_days=0,
        compacted=True,
    )
    return [dead, position]
