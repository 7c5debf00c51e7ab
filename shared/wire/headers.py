"""Headers of records: the trace that a record belongs to, and where a dead letter came from, as we, Spring Kafka and Kafka Connect write it.

Ours are the names of KIP-1191 (its values are UTF-8 text, numbers included) and three of our own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Headers = list[tuple[str, bytes]]

TRACEPARENT = "traceparent"
TOPIC = "__dlq.errors.topic"
PARTITION = "__dlq.errors.partition"
OFFSET = "__dlq.errors.offset"
GROUP = "__dlq.errors.group"
DELIVERIES = "__dlq.errors.delivery.count"
MESSAGE = "__dlq.errors.message"
CAUSE = "throughline-cause"
FINGERPRINT = "throughline-fingerprint"
ATTEMPTS = "throughline-attempts"
LANE, SEQ = "throughline-lane", "throughline-seq"
OURS = frozenset({TOPIC, PARTITION, OFFSET, GROUP, DELIVERIES, MESSAGE, CAUSE, FINGERPRINT, ATTEMPTS})
LONGEST = 4096  # bytes of a message; a vendor's answer may be a page, and a record has a size limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Burial:
    """Where a dead letter came from and why it is one. What its writer did not say is None."""

    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    group: str | None = None
    deliveries: int | None = None
    message: str | None = None
    cause: str | None = None
    fingerprint: str | None = None
    attempts: int | None = None


def with_burial(original: Iterable[tuple[str, bytes]], burial: Burial) -> Headers:
    """The original headers as they were, ours added. Those of an earlier burial give way: the record is buried where it died last."""
    values = {
        TOPIC: burial.topic,
        PARTITION: burial.partition,
        OFFSET: burial.offset,
        GROUP: burial.group,
        DELIVERIES: burial.deliveries,
        MESSAGE: burial.message,
        CAUSE: burial.cause,
        FINGERPRINT: burial.fingerprint,
        ATTEMPTS: burial.attempts,
    }
    kept = [(name, value) for name, value in original if name not in OURS]
    return kept + [(name, str(value).encode()[:LONGEST]) for name, value in values.items() if value is not None]


def burial_of(headers: Iterable[tuple[str, bytes | None]]) -> Burial | None:
    """What the headers say of a dead letter, whoever wrote it; None for a record that is none. Unreadable numbers are left out."""
    found = {name: value for name, value in headers if value is not None}
    for prefix, read in (("__dlq.errors.", _ours), ("kafka_dlt-", _spring), ("__connect.errors.", _connect)):
        if any(name.startswith(prefix) for name in found):
            return read(found)
    return None


def traceparent_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    for name, value in headers:
        if name == TRACEPARENT and value is not None:
            return _text(value)
    return None


def _ours(found: dict[str, bytes]) -> Burial:
    return Burial(
        topic=_get(found, TOPIC, _text),
        partition=_get(found, PARTITION, int),
        offset=_get(found, OFFSET, int),
        group=_get(found, GROUP, _text),
        deliveries=_get(found, DELIVERIES, int),
        message=_get(found, MESSAGE, _text),
        cause=_get(found, CAUSE, _text),
        fingerprint=_get(found, FINGERPRINT, _text),
        attempts=_get(found, ATTEMPTS, int),
    )


def _spring(found: dict[str, bytes]) -> Burial:
    """DeadLetterPublishingRecoverer: the partition is a 4-byte, the offset an 8-byte big-endian integer."""
    return Burial(
        topic=_get(found, "kafka_dlt-original-topic", _text),
        partition=_get(found, "kafka_dlt-original-partition", _big_endian),
        offset=_get(found, "kafka_dlt-original-offset", _big_endian),
        group=_get(found, "kafka_dlt-original-consumer-group", _text),
        message=_get(found, "kafka_dlt-exception-message", _text),
        cause=_get(found, "kafka_dlt-exception-cause-fqcn", _text) or _get(found, "kafka_dlt-exception-fqcn", _text),
    )


def _connect(found: dict[str, bytes]) -> Burial:
    """Connect has no group; its connector is the nearest."""
    return Burial(
        topic=_get(found, "__connect.errors.topic", _text),
        partition=_get(found, "__connect.errors.partition", int),
        offset=_get(found, "__connect.errors.offset", int),
        group=_get(found, "__connect.errors.connector.name", _text),
        message=_get(found, "__connect.errors.exception.message", _text),
        cause=_get(found, "__connect.errors.exception.class.name", _text),
    )


def _get(found: dict[str, bytes], name: str, read: Callable[[bytes], T]) -> T | None:
    try:
        return read(found[name])
    except (KeyError, ValueError):
        return None


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _big_endian(value: bytes) -> int:
    if len(value) not in (4, 8):
        raise ValueError(f"{len(value)} bytes are no integer")
    return int.from_bytes(value, "big", signed=True)
