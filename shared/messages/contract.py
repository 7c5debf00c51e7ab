"""Messages of the subject area contract.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from shared.messages.base import Message
from shared.messages.common import Cause, Money, Origin, Wait


class BillingModel(StrEnum):
    """How a line is billed."""

    FIXED_FEE = "FIXED_FEE"
    MILESTONE = "MILESTONE"
    TIME_AND_MATERIALS = "TIME_AND_MATERIALS"
    RETAINER = "RETAINER"


class Line(Struct, frozen=True, kw_only=True):
    """One priced line."""

    line_id: str  # Key of the line within the contract.
    description: str  # What is delivered.
    billing_model: BillingModel  # How the line is billed.
    amount: Money  # Value of the line.
    cap: Money | None = None  # Not-to-exceed amount of the line.
    start_date: dt.date | None = None  # First day of the line.
    end_date: dt.date | None = None  # Last day of the line.


class Milestone(Struct, frozen=True, kw_only=True):
    """A deliverable that is paid for on acceptance."""

    milestone_id: str  # Key of the milestone within the contract.
    line_id: str | None = None  # Line that it belongs to.
    name: str  # What is to be reached.
    due_date: dt.date | None = None  # When it is due.
    amount: Money | None = None  # Worth, when stated as an amount.
    percent: Decimal | None = None  # Worth as a share of its line, 0 to 100.
    accepted_on: dt.date | None = None  # When the customer accepted it.


class ApprovalDecision(StrEnum):
    """What an approver decided."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


class Approval(Struct, frozen=True, kw_only=True):
    """One approver's decision."""

    role: str  # Role that decided, such as finance.
    actor: str  # Who decided.
    decision: ApprovalDecision  # What was decided.
    decided_at: dt.datetime  # When, in UTC.


class Amendment(Struct, frozen=True, kw_only=True):
    """A change order: a delta on its contract."""

    amendment_id: str  # Key of the change order.
    effective_date: dt.date  # From when it holds.
    summary: str  # What changes.
    value_delta: Money  # Added to the value; may be negative.
    end_date: dt.date | None = None  # New last day, when it changes.
    lines: tuple[Line, ...] = ()  # Lines added, or replaced by key.
    milestones: tuple[Milestone, ...] = ()  # Milestones added, or replaced by key.
    approvals: tuple[Approval, ...] = ()  # Decisions on this change order.


class ContractType(StrEnum):
    """What kind of agreement it is."""

    MSA = "MSA"
    SOW = "SOW"
    CHANGE_ORDER = "CHANGE_ORDER"


class ContractStatus(StrEnum):
    """How far the agreement is."""

    DRAFT = "DRAFT"
    IN_APPROVAL = "IN_APPROVAL"
    APPROVED = "APPROVED"
    CANCELLED = "CANCELLED"


class Place(Struct, frozen=True, kw_only=True):
    """Where work is performed."""

    country: str  # ISO 3166-1 alpha-2 code.
    region: str | None = None  # State or province where tax or routing needs one.


class RevenueMethod(StrEnum):
    """How revenue is recognised."""

    POINT_IN_TIME = "POINT_IN_TIME"
    STRAIGHT_LINE = "STRAIGHT_LINE"
    PERCENT_COMPLETE = "PERCENT_COMPLETE"
    MILESTONE = "MILESTONE"


class Rate(Struct, frozen=True, kw_only=True):
    """Price of a role's time."""

    role: str  # Role that works.
    rate: Money  # Price of one unit.
    unit: str  # HOUR or DAY.
    effective_from: dt.date  # First day of this price.
    effective_to: dt.date | None = None  # Last day of this price.


class ExpensePolicy(Struct, frozen=True, kw_only=True):
    """What expenses the customer pays."""

    reimbursable: bool  # Whether expenses are billed at all.
    markup_percent: Decimal | None = None  # Added to the cost, in percent.
    cap: Money | None = None  # Most that may be billed.


class Document(Struct, frozen=True, kw_only=True):
    """A signed or attached document."""

    document_id: str  # Key of the document in its source.
    title: str  # Title of the document.
    sha256: str | None = None  # Hash of its bytes, in hex.
    retention_class: str | None = None  # How long it is kept.
    url: str | None = None  # Where the source publishes it.


class Inferred(Struct, frozen=True, kw_only=True):
    """A field that the source did not state."""

    field: str  # Name of the field.
    rule: str  # How it was filled.


class Contract(Struct, frozen=True, kw_only=True):
    """What was agreed, as of one revision."""

    contract_id: str  # Key of the contract.
    contract_type: ContractType  # Kind of agreement.
    parent_id: str | None = None  # Agreement that this one is under.
    status: ContractStatus  # How far the agreement is.
    title: str  # Title for people.
    customer_account_id: str  # CRM account of the customer.
    bill_to_account_id: str | None = None  # CRM account that is billed, when another.
    place_of_performance: Place | None = None  # Where the work is performed.
    selling_entity: str | None = None  # The firm's company that sells, as the source names it.
    business_unit: str  # Business unit that delivers.
    region: str  # Region that the unit sells in.
    currency: str  # ISO 4217 code of every amount.
    start_date: dt.date  # First day.
    end_date: dt.date  # Last day.
    total_value: Money  # Value of the whole contract.
    not_to_exceed: Money | None = None  # Cap over all lines.
    payment_terms: str | None = None  # Such as Net 30.
    purchase_order: str | None = None  # The customer's order number.
    revenue_method: RevenueMethod = RevenueMethod.STRAIGHT_LINE  # How revenue is recognised.
    lines: tuple[Line, ...] = ()  # Priced lines.
    milestones: tuple[Milestone, ...] = ()  # Milestones.
    rate_card: tuple[Rate, ...] = ()  # Rates by role.
    expense_policy: ExpensePolicy | None = None  # What expenses are billed.
    documents: tuple[Document, ...] = ()  # Documents.
    approvals: tuple[Approval, ...] = ()  # Decisions of approvers.
    inferred: tuple[Inferred, ...] = ()  # What the source did not state.


class RevisionKind(StrEnum):
    """What made a revision."""

    BASE = "BASE"
    AMENDMENT = "AMENDMENT"
    CORRECTION = "CORRECTION"


class Revision(Struct, frozen=True, kw_only=True):
    """One step of the lineage; base plus deltas equals the current value."""

    number: int  # 1 for the base, then counting.
    kind: RevisionKind  # What made it.
    amendment_id: str | None = None  # Change order that made it.
    effective_date: dt.date  # From when it holds.
    delta: Money  # Change of the value.
    value: Money  # Value after it.
    summary: str  # What changed.
    approvals: tuple[Approval, ...] = ()  # Decisions on this step.
    recorded_at: dt.datetime  # When it was recorded, in UTC.


class ContractState(Message, frozen=True, kw_only=True):
    """A contract changed: what changed, and the whole contract after it. Desired state for everything downstream."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"ContractState","namespace":"throughline.contract","doc":"A contract changed: what changed, and the whole contract after it. Desired state for everything downstream.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"revision","type":"int","doc":"Current revision."},{"name":"summary","type":"string","doc":"What changed."},{"name":"changed","type":{"type":"array","items":"string"},"doc":"Names of the fields that changed.","default":[]},{"name":"contract","type":{"type":"record","name":"Contract","namespace":"throughline.contract","doc":"What was agreed, as of one revision.","fields":[{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"contract_type","type":{"type":"enum","name":"ContractType","namespace":"throughline.contract","doc":"What kind of agreement it is.","symbols":["MSA","SOW","CHANGE_ORDER"]},"doc":"Kind of agreement."},{"name":"parent_id","type":["null","string"],"doc":"Agreement that this one is under.","default":null},{"name":"status","type":{"type":"enum","name":"ContractStatus","namespace":"throughline.contract","doc":"How far the agreement is.","symbols":["DRAFT","IN_APPROVAL","APPROVED","CANCELLED"]},"doc":"How far the agreement is."},{"name":"title","type":"string","doc":"Title for people."},{"name":"customer_account_id","type":"string","doc":"CRM account of the customer."},{"name":"bill_to_account_id","type":["null","string"],"doc":"CRM account that is billed, when another.","default":null},{"name":"place_of_performance","type":["null",{"type":"record","name":"Place","namespace":"throughline.contract","doc":"Where work is performed.","fields":[{"name":"country","type":"string","doc":"ISO 3166-1 alpha-2 code."},{"name":"region","type":["null","string"],"doc":"State or province where tax or routing needs one.","default":null}]}],"doc":"Where the work is performed.","default":null},{"name":"selling_entity","type":["null","string"],"doc":"The firm\'s company that sells, as the source names it.","default":null},{"name":"business_unit","type":"string","doc":"Business unit that delivers."},{"name":"region","type":"string","doc":"Region that the unit sells in."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount."},{"name":"start_date","type":{"type":"int","logicalType":"date"},"doc":"First day."},{"name":"end_date","type":{"type":"int","logicalType":"date"},"doc":"Last day."},{"name":"total_value","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Value of the whole contract."},{"name":"not_to_exceed","type":["null","throughline.common.Money"],"doc":"Cap over all lines.","default":null},{"name":"payment_terms","type":["null","string"],"doc":"Such as Net 30.","default":null},{"name":"purchase_order","type":["null","string"],"doc":"The customer\'s order number.","default":null},{"name":"revenue_method","type":{"type":"enum","name":"RevenueMethod","namespace":"throughline.contract","doc":"How revenue is recognised.","symbols":["POINT_IN_TIME","STRAIGHT_LINE","PERCENT_COMPLETE","MILESTONE"]},"doc":"How revenue is recognised.","default":"STRAIGHT_LINE"},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","namespace":"throughline.contract","doc":"One priced line.","fields":[{"name":"line_id","type":"string","doc":"Key of the line within the contract."},{"name":"description","type":"string","doc":"What is delivered."},{"name":"billing_model","type":{"type":"enum","name":"BillingModel","namespace":"throughline.contract","doc":"How a line is billed.","symbols":["FIXED_FEE","MILESTONE","TIME_AND_MATERIALS","RETAINER"]},"doc":"How the line is billed."},{"name":"amount","type":"throughline.common.Money","doc":"Value of the line."},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Not-to-exceed amount of the line.","default":null},{"name":"start_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"First day of the line.","default":null},{"name":"end_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of the line.","default":null}]}},"doc":"Priced lines.","default":[]},{"name":"milestones","type":{"type":"array","items":{"type":"record","name":"Milestone","namespace":"throughline.contract","doc":"A deliverable that is paid for on acceptance.","fields":[{"name":"milestone_id","type":"string","doc":"Key of the milestone within the contract."},{"name":"line_id","type":["null","string"],"doc":"Line that it belongs to.","default":null},{"name":"name","type":"string","doc":"What is to be reached."},{"name":"due_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"When it is due.","default":null},{"name":"amount","type":["null","throughline.common.Money"],"doc":"Worth, when stated as an amount.","default":null},{"name":"percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Worth as a share of its line, 0 to 100.","default":null},{"name":"accepted_on","type":["null",{"type":"int","logicalType":"date"}],"doc":"When the customer accepted it.","default":null}]}},"doc":"Milestones.","default":[]},{"name":"rate_card","type":{"type":"array","items":{"type":"record","name":"Rate","namespace":"throughline.contract","doc":"Price of a role\'s time.","fields":[{"name":"role","type":"string","doc":"Role that works."},{"name":"rate","type":"throughline.common.Money","doc":"Price of one unit."},{"name":"unit","type":"string","doc":"HOUR or DAY."},{"name":"effective_from","type":{"type":"int","logicalType":"date"},"doc":"First day of this price."},{"name":"effective_to","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of this price.","default":null}]}},"doc":"Rates by role.","default":[]},{"name":"expense_policy","type":["null",{"type":"record","name":"ExpensePolicy","namespace":"throughline.contract","doc":"What expenses the customer pays.","fields":[{"name":"reimbursable","type":"boolean","doc":"Whether expenses are billed at all."},{"name":"markup_percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Added to the cost, in percent.","default":null},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Most that may be billed.","default":null}]}],"doc":"What expenses are billed.","default":null},{"name":"documents","type":{"type":"array","items":{"type":"record","name":"Document","namespace":"throughline.contract","doc":"A signed or attached document.","fields":[{"name":"document_id","type":"string","doc":"Key of the document in its source."},{"name":"title","type":"string","doc":"Title of the document."},{"name":"sha256","type":["null","string"],"doc":"Hash of its bytes, in hex.","default":null},{"name":"retention_class","type":["null","string"],"doc":"How long it is kept.","default":null},{"name":"url","type":["null","string"],"doc":"Where the source publishes it.","default":null}]}},"doc":"Documents.","default":[]},{"name":"approvals","type":{"type":"array","items":{"type":"record","name":"Approval","namespace":"throughline.contract","doc":"One approver\'s decision.","fields":[{"name":"role","type":"string","doc":"Role that decided, such as finance."},{"name":"actor","type":"string","doc":"Who decided."},{"name":"decision","type":{"type":"enum","name":"ApprovalDecision","namespace":"throughline.contract","doc":"What an approver decided.","symbols":["APPROVED","REJECTED"]},"doc":"What was decided."},{"name":"decided_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When, in UTC."}]}},"doc":"Decisions of approvers.","default":[]},{"name":"inferred","type":{"type":"array","items":{"type":"record","name":"Inferred","namespace":"throughline.contract","doc":"A field that the source did not state.","fields":[{"name":"field","type":"string","doc":"Name of the field."},{"name":"rule","type":"string","doc":"How it was filled."}]}},"doc":"What the source did not state.","default":[]}]},"doc":"The contract after the change."},{"name":"lineage","type":{"type":"array","items":{"type":"record","name":"Revision","namespace":"throughline.contract","doc":"One step of the lineage; base plus deltas equals the current value.","fields":[{"name":"number","type":"int","doc":"1 for the base, then counting."},{"name":"kind","type":{"type":"enum","name":"RevisionKind","namespace":"throughline.contract","doc":"What made a revision.","symbols":["BASE","AMENDMENT","CORRECTION"]},"doc":"What made it."},{"name":"amendment_id","type":["null","string"],"doc":"Change order that made it.","default":null},{"name":"effective_date","type":{"type":"int","logicalType":"date"},"doc":"From when it holds."},{"name":"delta","type":"throughline.common.Money","doc":"Change of the value."},{"name":"value","type":"throughline.common.Money","doc":"Value after it."},{"name":"summary","type":"string","doc":"What changed."},{"name":"approvals","type":{"type":"array","items":"throughline.contract.Approval"},"doc":"Decisions on this step.","default":[]},{"name":"recorded_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When it was recorded, in UTC."}]}},"doc":"All revisions, oldest first.","default":[]},{"name":"waits","type":{"type":"array","items":{"type":"record","name":"Wait","namespace":"throughline.common","doc":"A named key that a contract waits for.","fields":[{"name":"key","type":"string","doc":"What is missing, such as legal_entity:BU-17@netsuite-emea."},{"name":"queue","type":"string","doc":"The support queue that supplies it."},{"name":"reason","type":"string","doc":"What is missing and what to do, as a sentence."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when this contract waits for the key, in UTC."}]}},"doc":"What it waits for.","default":[]},{"name":"cause","type":["null",{"type":"record","name":"Cause","namespace":"throughline.common","doc":"Why something stopped.","fields":[{"name":"code","type":"string","doc":"Stable code to group by."},{"name":"message","type":"string","doc":"What is wrong, where, and what to do next."},{"name":"fingerprint","type":"string","doc":"The same for causes that differ in their particulars only."}]}],"doc":"Why it stopped, when it did.","default":null},{"name":"origin","type":["null",{"type":"record","name":"Origin","namespace":"throughline.common","doc":"The record that a change goes back to.","fields":[{"name":"topic","type":"string","doc":"Topic of the record."},{"name":"partition","type":"int","doc":"Partition of the record."},{"name":"offset","type":"long","doc":"Offset of the record."},{"name":"event_id","type":"string","doc":"Event id of the record."}]}],"doc":"Source record that led to the change.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    revision: int  # Current revision.
    summary: str  # What changed.
    changed: tuple[str, ...] = ()  # Names of the fields that changed.
    contract: Contract  # The contract after the change.
    lineage: tuple[Revision, ...] = ()  # All revisions, oldest first.
    waits: tuple[Wait, ...] = ()  # What it waits for.
    cause: Cause | None = None  # Why it stopped, when it did.
    origin: Origin | None = None  # Source record that led to the change.
