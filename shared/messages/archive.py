"""Messages of the subject area archive.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from typing import ClassVar

from shared.messages.base import Message
from shared.messages.common import Cause, Origin, Wait


class ArchiveReceipt(Message, frozen=True, kw_only=True):
    """A signed document was put into retention storage and its hash checked."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"ArchiveReceipt","namespace":"throughline.archive","doc":"A signed document was put into retention storage and its hash checked.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"document_id","type":"string","doc":"Key of the document."},{"name":"sha256","type":"string","doc":"Hash of the stored bytes, in hex."},{"name":"location","type":"string","doc":"Where it is stored."},{"name":"retention_class","type":"string","doc":"How long it is kept."},{"name":"retain_until","type":{"type":"int","logicalType":"date"},"doc":"First day it may be deleted."},{"name":"waits","type":{"type":"array","items":{"type":"record","name":"Wait","namespace":"throughline.common","doc":"A named key that a contract waits for.","fields":[{"name":"key","type":"string","doc":"What is missing, such as legal_entity:BU-17@netsuite-emea."},{"name":"queue","type":"string","doc":"The support queue that supplies it."},{"name":"reason","type":"string","doc":"What is missing and what to do, as a sentence."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when this contract waits for the key, in UTC."}]}},"doc":"What it waits for.","default":[]},{"name":"cause","type":["null",{"type":"record","name":"Cause","namespace":"throughline.common","doc":"Why something stopped.","fields":[{"name":"code","type":"string","doc":"Stable code to group by."},{"name":"message","type":"string","doc":"What is wrong, where, and what to do next."},{"name":"fingerprint","type":"string","doc":"The same for causes that differ in their particulars only."}]}],"doc":"Why it stopped, when it did.","default":null},{"name":"origin","type":["null",{"type":"record","name":"Origin","namespace":"throughline.common","doc":"The record that a change goes back to.","fields":[{"name":"topic","type":"string","doc":"Topic of the record."},{"name":"partition","type":"int","doc":"Partition of the record."},{"name":"offset","type":"long","doc":"Offset of the record."},{"name":"event_id","type":"string","doc":"Event id of the record."}]}],"doc":"Record that led to the change.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    document_id: str  # Key of the document.
    sha256: str  # Hash of the stored bytes, in hex.
    location: str  # Where it is stored.
    retention_class: str  # How long it is kept.
    retain_until: dt.date  # First day it may be deleted.
    waits: tuple[Wait, ...] = ()  # What it waits for.
    cause: Cause | None = None  # Why it stopped, when it did.
    origin: Origin | None = None  # Record that led to the change.
