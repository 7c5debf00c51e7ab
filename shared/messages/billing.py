"""Messages of the subject area billing.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from enum import StrEnum
from typing import ClassVar

from shared.messages.base import Message
from shared.messages.common import Cause, Money, Origin, Wait


class BillingEventKind(StrEnum):
    """What is billed."""

    TIME = "TIME"
    EXPENSE = "EXPENSE"
    MILESTONE = "MILESTONE"
    RETAINER = "RETAINER"
    FIXED_FEE = "FIXED_FEE"


class BillingEvent(Message, frozen=True, kw_only=True):
    """Something under a contract became billable."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"BillingEvent","namespace":"throughline.billing","doc":"Something under a contract became billable.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"revision","type":"int","doc":"Revision whose terms applied."},{"name":"billing_event_id","type":"string","doc":"Key of the billable item."},{"name":"kind","type":{"type":"enum","name":"BillingEventKind","namespace":"throughline.billing","doc":"What is billed.","symbols":["TIME","EXPENSE","MILESTONE","RETAINER","FIXED_FEE"]},"doc":"What is billed."},{"name":"line_id","type":["null","string"],"doc":"Line it belongs to.","default":null},{"name":"milestone_id","type":["null","string"],"doc":"Milestone it belongs to.","default":null},{"name":"service_date","type":{"type":"int","logicalType":"date"},"doc":"Day of delivery."},{"name":"amount","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Amount to bill."},{"name":"held","type":["null","throughline.common.Money"],"doc":"Amount held back by a cap.","default":null},{"name":"summary","type":"string","doc":"What it is."},{"name":"waits","type":{"type":"array","items":{"type":"record","name":"Wait","namespace":"throughline.common","doc":"A named key that a contract waits for.","fields":[{"name":"key","type":"string","doc":"What is missing, such as legal_entity:BU-17@netsuite-emea."},{"name":"queue","type":"string","doc":"The support queue that supplies it."},{"name":"reason","type":"string","doc":"What is missing and what to do, as a sentence."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when this contract waits for the key, in UTC."}]}},"doc":"What it waits for.","default":[]},{"name":"cause","type":["null",{"type":"record","name":"Cause","namespace":"throughline.common","doc":"Why something stopped.","fields":[{"name":"code","type":"string","doc":"Stable code to group by."},{"name":"message","type":"string","doc":"What is wrong, where, and what to do next."},{"name":"fingerprint","type":"string","doc":"The same for causes that differ in their particulars only."}]}],"doc":"Why it stopped, when it did.","default":null},{"name":"origin","type":["null",{"type":"record","name":"Origin","namespace":"throughline.common","doc":"The record that a change goes back to.","fields":[{"name":"topic","type":"string","doc":"Topic of the record."},{"name":"partition","type":"int","doc":"Partition of the record."},{"name":"offset","type":"long","doc":"Offset of the record."},{"name":"event_id","type":"string","doc":"Event id of the record."}]}],"doc":"Record that led to the change.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    revision: int  # Revision whose terms applied.
    billing_event_id: str  # Key of the billable item.
    kind: BillingEventKind  # What is billed.
    line_id: str | None = None  # Line it belongs to.
    milestone_id: str | None = None  # Milestone it belongs to.
    service_date: dt.date  # Day of delivery.
    amount: Money  # Amount to bill.
    held: Money | None = None  # Amount held back by a cap.
    summary: str  # What it is.
    waits: tuple[Wait, ...] = ()  # What it waits for.
    cause: Cause | None = None  # Why it stopped, when it did.
    origin: Origin | None = None  # Record that led to the change.
