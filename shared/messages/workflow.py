"""Messages of the subject area workflow.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from enum import StrEnum
from typing import ClassVar

from shared.messages.base import Message
from shared.messages.common import Cause, ExternalRecord, Money, Wait
from shared.messages.contract import ContractType


class Condition(StrEnum):
    """Whether it moves."""

    FLOWING = "FLOWING"
    WAITING = "WAITING"
    DEAD_LETTERED = "DEAD_LETTERED"


class Stage(StrEnum):
    """Where a contract is on its way."""

    IN_APPROVAL = "IN_APPROVAL"
    APPROVED = "APPROVED"
    VALIDATED = "VALIDATED"
    IN_ERP = "IN_ERP"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


class KpiWindow(Message, frozen=True, kw_only=True):
    """What happened in one business unit within a window of time."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"KpiWindow","namespace":"throughline.workflow","doc":"What happened in one business unit within a window of time.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"window_start","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Start of the window, in UTC."},{"name":"window_end","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"End of the window, in UTC."},{"name":"business_unit","type":"string","doc":"Business unit, or * for all."},{"name":"stage","type":{"type":"enum","name":"Stage","namespace":"throughline.workflow","doc":"Where a contract is on its way.","symbols":["IN_APPROVAL","APPROVED","VALIDATED","IN_ERP","ACTIVE","CLOSED"]},"doc":"Stage that was reached."},{"name":"contracts","type":"long","doc":"Contracts that reached it in the window."},{"name":"value","type":{"type":"array","items":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]}},"doc":"Their value, by currency.","default":[]}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    window_start: dt.datetime  # Start of the window, in UTC.
    window_end: dt.datetime  # End of the window, in UTC.
    business_unit: str  # Business unit, or * for all.
    stage: Stage  # Stage that was reached.
    contracts: int  # Contracts that reached it in the window.
    value: tuple[Money, ...] = ()  # Their value, by currency.


class SlaBreach(Message, frozen=True, kw_only=True):
    """A contract has been on its way for longer than agreed."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"SlaBreach","namespace":"throughline.workflow","doc":"A contract has been on its way for longer than agreed.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"stage","type":{"type":"enum","name":"Stage","namespace":"throughline.workflow","doc":"Where a contract is on its way.","symbols":["IN_APPROVAL","APPROVED","VALIDATED","IN_ERP","ACTIVE","CLOSED"]},"doc":"Where it is."},{"name":"business_unit","type":"string","doc":"Business unit that delivers."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when the clock runs, in UTC."},{"name":"limit_s","type":"long","doc":"Agreed seconds."},{"name":"value","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Value that is late."},{"name":"cleared","type":"boolean","doc":"True when the contract became active after all.","default":false}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    stage: Stage  # Where it is.
    business_unit: str  # Business unit that delivers.
    since: dt.datetime  # Since when the clock runs, in UTC.
    limit_s: int  # Agreed seconds.
    value: Money  # Value that is late.
    cleared: bool = False  # True when the contract became active after all.


class WorkflowStatus(Message, frozen=True, kw_only=True):
    """The current status of a contract."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"WorkflowStatus","namespace":"throughline.workflow","doc":"The current status of a contract.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"revision","type":"int","doc":"Latest revision known."},{"name":"stage","type":{"type":"enum","name":"Stage","namespace":"throughline.workflow","doc":"Where a contract is on its way.","symbols":["IN_APPROVAL","APPROVED","VALIDATED","IN_ERP","ACTIVE","CLOSED"]},"doc":"How far it got."},{"name":"condition","type":{"type":"enum","name":"Condition","namespace":"throughline.workflow","doc":"Whether it moves.","symbols":["FLOWING","WAITING","DEAD_LETTERED"]},"doc":"Whether it moves."},{"name":"stage_since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when it is at this stage, in UTC."},{"name":"received_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When its first revision was recorded, in UTC."},{"name":"active_at","type":["null",{"type":"long","logicalType":"timestamp-micros"}],"doc":"When it became active, in UTC.","default":null},{"name":"title","type":"string","doc":"Title for people."},{"name":"contract_type","type":{"type":"enum","name":"ContractType","namespace":"throughline.contract","doc":"What kind of agreement it is.","symbols":["MSA","SOW","CHANGE_ORDER"]},"doc":"Kind of agreement."},{"name":"business_unit","type":"string","doc":"Business unit that delivers."},{"name":"region","type":"string","doc":"Region."},{"name":"customer_account_id","type":"string","doc":"Customer."},{"name":"tenant","type":["null","string"],"doc":"ERP tenant.","default":null},{"name":"value","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Current value."},{"name":"waits","type":{"type":"array","items":{"type":"record","name":"Wait","namespace":"throughline.common","doc":"A named key that a contract waits for.","fields":[{"name":"key","type":"string","doc":"What is missing, such as legal_entity:BU-17@netsuite-emea."},{"name":"queue","type":"string","doc":"The support queue that supplies it."},{"name":"reason","type":"string","doc":"What is missing and what to do, as a sentence."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when this contract waits for the key, in UTC."}]}},"doc":"What it waits for.","default":[]},{"name":"cause","type":["null",{"type":"record","name":"Cause","namespace":"throughline.common","doc":"Why something stopped.","fields":[{"name":"code","type":"string","doc":"Stable code to group by."},{"name":"message","type":"string","doc":"What is wrong, where, and what to do next."},{"name":"fingerprint","type":"string","doc":"The same for causes that differ in their particulars only."}]}],"doc":"Why it stopped, when it did.","default":null},{"name":"records","type":{"type":"array","items":{"type":"record","name":"ExternalRecord","namespace":"throughline.common","doc":"An object that another system holds for a contract.","fields":[{"name":"step","type":"string","doc":"Step of the set-up that made it, such as project."},{"name":"target","type":"string","doc":"System that holds it, such as netsuite-emea."},{"name":"record_type","type":"string","doc":"What that system calls it, such as job."},{"name":"external_id","type":"string","doc":"Key that we gave it."},{"name":"internal_id","type":["null","string"],"doc":"Key that the system gave it.","default":null},{"name":"content_hash","type":"string","doc":"Hash of the content that was last confirmed."}]}},"doc":"Objects that other systems hold for it.","default":[]}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    revision: int  # Latest revision known.
    stage: Stage  # How far it got.
    condition: Condition  # Whether it moves.
    stage_since: dt.datetime  # Since when it is at this stage, in UTC.
    received_at: dt.datetime  # When its first revision was recorded, in UTC.
    active_at: dt.datetime | None = None  # When it became active, in UTC.
    title: str  # Title for people.
    contract_type: ContractType  # Kind of agreement.
    business_unit: str  # Business unit that delivers.
    region: str  # Region.
    customer_account_id: str  # Customer.
    tenant: str | None = None  # ERP tenant.
    value: Money  # Current value.
    waits: tuple[Wait, ...] = ()  # What it waits for.
    cause: Cause | None = None  # Why it stopped, when it did.
    records: tuple[ExternalRecord, ...] = ()  # Objects that other systems hold for it.
