"""Messages of the subject area common.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from decimal import Decimal

from msgspec import Struct


class Call(Struct, frozen=True, kw_only=True):
    """One call to another system and its answer."""

    effect_id: str  # Effect that the call carried out.
    step: str  # Step of the set-up.
    target: str  # System that was called.
    request: str  # Method and path.
    outcome: str  # DONE or REJECTED.
    attempts: int  # How often it was tried.
    duration_ms: int  # Milliseconds from the first attempt to the answer.


class Cause(Struct, frozen=True, kw_only=True):
    """Why something stopped."""

    code: str  # Stable code to group by.
    message: str  # What is wrong, where, and what to do next.
    fingerprint: str  # The same for causes that differ in their particulars only.


class ExternalRecord(Struct, frozen=True, kw_only=True):
    """An object that another system holds for a contract."""

    step: str  # Step of the set-up that made it, such as project.
    target: str  # System that holds it, such as netsuite-emea.
    record_type: str  # What that system calls it, such as job.
    external_id: str  # Key that we gave it.
    internal_id: str | None = None  # Key that the system gave it.
    content_hash: str  # Hash of the content that was last confirmed.


class Money(Struct, frozen=True, kw_only=True):
    """An exact amount with its currency."""

    amount: Decimal  # In units of the currency, never in cents.
    currency: str  # ISO 4217 code, in capitals.


class Origin(Struct, frozen=True, kw_only=True):
    """The record that a change goes back to."""

    topic: str  # Topic of the record.
    partition: int  # Partition of the record.
    offset: int  # Offset of the record.
    event_id: str  # Event id of the record.


class Wait(Struct, frozen=True, kw_only=True):
    """A named key that a contract waits for."""

    key: str  # What is missing, such as legal_entity:BU-17@netsuite-emea.
    queue: str  # The support queue that supplies it.
    reason: str  # What is missing and what to do, as a sentence.
    since: dt.datetime  # Since when this contract waits for the key, in UTC.
