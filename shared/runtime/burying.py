"""What is kept and told of a record that cannot be decided on. Pure."""

from shared.kernel.cause import Cause
from shared.runtime.records import kept, packed, unpack_origin, unpacked
from shared.runtime.work import Item
from shared.store.rows import DeadLetterChange, KeptRecord, Publication
from shared.wire.headers import Burial, with_burial
from shared.wire.limits import LETTER_BYTES


def record_of(item: Item) -> KeptRecord | None:
    """The record itself, read now or decided on again; None for what follows from one."""
    if item.again is not None:
        return item.again.as_kept(item.key)
    return kept(item.record, item.key) if item.record is not None else None


def origin_of(item: Item, packed_origin: bytes | None) -> KeptRecord:
    """The record that led to what follows from one; where none is kept, an empty one that names the key and cannot be taken for another."""
    if packed_origin:
        return unpack_origin(packed_origin)
    key = item.key or ""
    return KeptRecord(item.claim.lane, -(item.inbox or 0), key, key.partition(":")[2].encode(), None, packed([]))


def letter_of(item: Item, record: KeptRecord, cause: Cause) -> DeadLetterChange:
    return DeadLetterChange(record, cause.code, cause.message, cause.fingerprint, 1, followed=record_of(item) is None)


def publication_of(service: str, item: Item, record: KeptRecord, cause: Cause) -> Publication:
    """The record as it came, with what happened to it in its headers, for the service's dead-letter topic."""
    topic, part = record.lane
    attempts = 1 + (item.again.attempts if item.again else 0)
    burial = Burial(
        topic=topic,
        partition=part,
        offset=record.offset,
        group=service,
        deliveries=attempts,
        message=cause.message,
        cause=cause.code,
        fingerprint=cause.fingerprint,
        attempts=attempts,
    )
    headers = with_burial(unpacked(record.headers), burial)
    value = record.value if len(record.value or b"") <= LETTER_BYTES else None  # the table of dead letters keeps it
    return Publication(item.claim.lane, f"{service}.dlt.v1", record.record_key, value, packed(headers))
