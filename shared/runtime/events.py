"""What a decider is told: a record that arrived, a key that was supplied, a call that was answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from msgspec import Struct

from shared.runtime.answers import Done, Rejected

M = TypeVar("M")


class Coordinates(Struct, frozen=True, gc=False):
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int


class Received(Struct, Generic[M], frozen=True, gc=False):
    """A record was read from a topic. `key` is the record's key; `message` its decoded value."""

    key: str
    message: M
    origin: Coordinates


class RawRecord(Struct, frozen=True, gc=False):
    """The message of a route without a schema: bytes as they came."""

    value: bytes
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Woken:
    """`wait_key`, which this contract waited for, was supplied."""

    wait_key: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A call ended for good: `answer` is its outcome, `request` its method and path."""

    effect_id: str
    step: str
    target: str
    answer: Done | Rejected
    request: str
    attempts: int
    duration_ms: int
