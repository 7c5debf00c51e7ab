"""Records as read from a topic, before anything is known of what they say."""

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from shared.runtime.lanes import OwnedLane
from shared.store.rows import Headers, KeptRecord
from shared.telemetry import logs
from shared.telemetry.tracing import context_of

log = logs.get(__name__)
_PACK = msgspec.msgpack.Encoder()


class Record(Struct, frozen=True, gc=False):
    """`claim` is the claim of the lane under which it was received."""

    claim: OwnedLane
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def headers_of(message: Message) -> Headers:
    """None at all where a name is not UTF-8: Kafka allows any bytes, and its client can show no header of such a record."""
    try:
        pairs = message.headers() or []
    except (SystemError, UnicodeDecodeError) as error:
        place = {"topic": message.topic(), "partition": message.partition(), "offset": message.offset()}
        log.warning("headers_unreadable", reason=repr(error.__cause__ or error), **place)
        return []
    return [(str(pair[0]), pair[1] if isinstance(pair[1], bytes) else b"") for pair in pairs]


def packed(headers: Headers) -> bytes:
    return _PACK.encode(headers)


def unpacked(headers: bytes) -> Headers:
    return msgspec.msgpack.decode(headers, type=Headers)


def kept(record: Record, key: str | None) -> KeptRecord:
    return KeptRecord(record.claim.lane, record.offset, key, record.key, record.value, packed(record.headers))


def trace_header(headers: Headers) -> str | None:
    """The trace that the record belongs to; None for a header that breaks the standard."""
    text = next((value.decode("ascii", "replace") for name, value in headers if name == "traceparent" and value), None)
    return text if context_of(text) else None


def pack_origin(record: KeptRecord) -> bytes:
    return _PACK.encode([*record.lane, record.offset, record.key, record.record_key, record.value, record.headers])


def unpack_origin(packed_origin: bytes) -> KeptRecord:
    topic, part, offset, key, record_key, value, headers = msgspec.msgpack.decode(packed_origin)
    return KeptRecord((topic, part), offset, key, record_key, value, headers)
