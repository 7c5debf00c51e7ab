"""Messages of the subject area engagement.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from shared.messages.base import Message
from shared.messages.common import Cause, Origin, Wait
from shared.messages.contract import Contract, Place


class Address(Struct, frozen=True, kw_only=True):
    """A postal address."""

    street: str | None = None  # Street and number.
    city: str | None = None  # City.
    region: str | None = None  # State or province.
    postal_code: str | None = None  # Postal code.
    country: str | None = None  # ISO 3166-1 alpha-2 code.


class Account(Struct, frozen=True, kw_only=True):
    """A customer as its CRM knows it."""

    account_id: str  # Key of the account.
    name: str  # Name.
    parent_id: str | None = None  # Account that it belongs to.
    bill_to_account_id: str | None = None  # Account that is billed for it.
    address: Address | None = None  # Postal address.
    tax_number: str | None = None  # Tax registration number.


class LegalEntity(Struct, frozen=True, kw_only=True):
    """The firm's company that sells."""

    code: str  # Its code.
    name: str  # Its name.
    subsidiary: str  # Its number in the ERP tenant.


class ResourceCode(Struct, frozen=True, kw_only=True):
    """A role in the words of the PSA."""

    role: str  # Role of the rate card.
    code: str  # Resource code of the PSA.


class TaxAttributes(Struct, frozen=True, kw_only=True):
    """How the contract is taxed."""

    treatment: str  # STANDARD, REVERSE_CHARGE or EXEMPT.
    tax_code: str | None = None  # The ERP's tax code.


class Engagement(Struct, frozen=True, kw_only=True):
    """Where and as what a contract is set up."""

    tenant: str  # ERP tenant.
    unit_key: str  # Business unit or selling entity that the legal entity was found by.
    legal_entity: LegalEntity  # Company that sells.
    customer: Account  # Customer.
    bill_to: Account  # Who is billed.
    ultimate_parent: Account  # Top of the customer's hierarchy.
    place_of_supply: Place | None = None  # Where the service is supplied.
    resource_codes: tuple[ResourceCode, ...] = ()  # Roles in the PSA's words.
    tax: TaxAttributes | None = None  # How it is taxed.


class ReadyStatus(StrEnum):
    """Whether a contract can be set up."""

    READY = "READY"
    WAITING = "WAITING"
    CLOSED = "CLOSED"


class EngagementReady(Message, frozen=True, kw_only=True):
    """A contract was checked against master data: ready, waiting, or closed."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"EngagementReady","namespace":"throughline.engagement","doc":"A contract was checked against master data: ready, waiting, or closed.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"revision","type":"int","doc":"Revision that was checked."},{"name":"status","type":{"type":"enum","name":"ReadyStatus","namespace":"throughline.engagement","doc":"Whether a contract can be set up.","symbols":["READY","WAITING","CLOSED"]},"doc":"Outcome of the check."},{"name":"summary","type":"string","doc":"What changed."},{"name":"contract","type":{"type":"record","name":"Contract","namespace":"throughline.contract","doc":"What was agreed, as of one revision.","fields":[{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"contract_type","type":{"type":"enum","name":"ContractType","namespace":"throughline.contract","doc":"What kind of agreement it is.","symbols":["MSA","SOW","CHANGE_ORDER"]},"doc":"Kind of agreement."},{"name":"parent_id","type":["null","string"],"doc":"Agreement that this one is under.","default":null},{"name":"status","type":{"type":"enum","name":"ContractStatus","namespace":"throughline.contract","doc":"How far the agreement is.","symbols":["DRAFT","IN_APPROVAL","APPROVED","CANCELLED"]},"doc":"How far the agreement is."},{"name":"title","type":"string","doc":"Title for people."},{"name":"customer_account_id","type":"string","doc":"CRM account of the customer."},{"name":"bill_to_account_id","type":["null","string"],"doc":"CRM account that is billed, when another.","default":null},{"name":"place_of_performance","type":["null",{"type":"record","name":"Place","namespace":"throughline.contract","doc":"Where work is performed.","fields":[{"name":"country","type":"string","doc":"ISO 3166-1 alpha-2 code."},{"name":"region","type":["null","string"],"doc":"State or province where tax or routing needs one.","default":null}]}],"doc":"Where the work is performed.","default":null},{"name":"selling_entity","type":["null","string"],"doc":"The firm\'s company that sells, as the source names it.","default":null},{"name":"business_unit","type":"string","doc":"Business unit that delivers."},{"name":"region","type":"string","doc":"Region that the unit sells in."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount."},{"name":"start_date","type":{"type":"int","logicalType":"date"},"doc":"First day."},{"name":"end_date","type":{"type":"int","logicalType":"date"},"doc":"Last day."},{"name":"total_value","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Value of the whole contract."},{"name":"not_to_exceed","type":["null","throughline.common.Money"],"doc":"Cap over all lines.","default":null},{"name":"payment_terms","type":["null","string"],"doc":"Such as Net 30.","default":null},{"name":"purchase_order","type":["null","string"],"doc":"The customer\'s order number.","default":null},{"name":"revenue_method","type":{"type":"enum","name":"RevenueMethod","namespace":"throughline.contract","doc":"How revenue is recognised.","symbols":["POINT_IN_TIME","STRAIGHT_LINE","PERCENT_COMPLETE","MILESTONE"]},"doc":"How revenue is recognised.","default":"STRAIGHT_LINE"},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","namespace":"throughline.contract","doc":"One priced line.","fields":[{"name":"line_id","type":"string","doc":"Key of the line within the contract."},{"name":"description","type":"string","doc":"What is delivered."},{"name":"billing_model","type":{"type":"enum","name":"BillingModel","namespace":"throughline.contract","doc":"How a line is billed.","symbols":["FIXED_FEE","MILESTONE","TIME_AND_MATERIALS","RETAINER"]},"doc":"How the line is billed."},{"name":"amount","type":"throughline.common.Money","doc":"Value of the line."},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Not-to-exceed amount of the line.","default":null},{"name":"start_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"First day of the line.","default":null},{"name":"end_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of the line.","default":null}]}},"doc":"Priced lines.","default":[]},{"name":"milestones","type":{"type":"array","items":{"type":"record","name":"Milestone","namespace":"throughline.contract","doc":"A deliverable that is paid for on acceptance.","fields":[{"name":"milestone_id","type":"string","doc":"Key of the milestone within the contract."},{"name":"line_id","type":["null","string"],"doc":"Line that it belongs to.","default":null},{"name":"name","type":"string","doc":"What is to be reached."},{"name":"due_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"When it is due.","default":null},{"name":"amount","type":["null","throughline.common.Money"],"doc":"Worth, when stated as an amount.","default":null},{"name":"percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Worth as a share of its line, 0 to 100.","default":null},{"name":"accepted_on","type":["null",{"type":"int","logicalType":"date"}],"doc":"When the customer accepted it.","default":null}]}},"doc":"Milestones.","default":[]},{"name":"rate_card","type":{"type":"array","items":{"type":"record","name":"Rate","namespace":"throughline.contract","doc":"Price of a role\'s time.","fields":[{"name":"role","type":"string","doc":"Role that works."},{"name":"rate","type":"throughline.common.Money","doc":"Price of one unit."},{"name":"unit","type":"string","doc":"HOUR or DAY."},{"name":"effective_from","type":{"type":"int","logicalType":"date"},"doc":"First day of this price."},{"name":"effective_to","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of this price.","default":null}]}},"doc":"Rates by role.","default":[]},{"name":"expense_policy","type":["null",{"type":"record","name":"ExpensePolicy","namespace":"throughline.contract","doc":"What expenses the customer pays.","fields":[{"name":"reimbursable","type":"boolean","doc":"Whether expenses are billed at all."},{"name":"markup_percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Added to the cost, in percent.","default":null},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Most that may be billed.","default":null}]}],"doc":"What expenses are billed.","default":null},{"name":"documents","type":{"type":"array","items":{"type":"record","name":"Document","namespace":"throughline.contract","doc":"A signed or attached document.","fields":[{"name":"document_id","type":"string","doc":"Key of the document in its source."},{"name":"title","type":"string","doc":"Title of the document."},{"name":"sha256","type":["null","string"],"doc":"Hash of its bytes, in hex.","default":null},{"name":"retention_class","type":["null","string"],"doc":"How long it is kept.","default":null},{"name":"url","type":["null","string"],"doc":"Where the source publishes it.","default":null}]}},"doc":"Documents.","default":[]},{"name":"approvals","type":{"type":"array","items":{"type":"record","name":"Approval","namespace":"throughline.contract","doc":"One approver\'s decision.","fields":[{"name":"role","type":"string","doc":"Role that decided, such as finance."},{"name":"actor","type":"string","doc":"Who decided."},{"name":"decision","type":{"type":"enum","name":"ApprovalDecision","namespace":"throughline.contract","doc":"What an approver decided.","symbols":["APPROVED","REJECTED"]},"doc":"What was decided."},{"name":"decided_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When, in UTC."}]}},"doc":"Decisions of approvers.","default":[]},{"name":"inferred","type":{"type":"array","items":{"type":"record","name":"Inferred","namespace":"throughline.contract","doc":"A field that the source did not state.","fields":[{"name":"field","type":"string","doc":"Name of the field."},{"name":"rule","type":"string","doc":"How it was filled."}]}},"doc":"What the source did not state.","default":[]}]},"doc":"The contract."},{"name":"engagement","type":["null",{"type":"record","name":"Engagement","namespace":"throughline.engagement","doc":"Where and as what a contract is set up.","fields":[{"name":"tenant","type":"string","doc":"ERP tenant."},{"name":"unit_key","type":"string","doc":"Business unit or selling entity that the legal entity was found by."},{"name":"legal_entity","type":{"type":"record","name":"LegalEntity","namespace":"throughline.engagement","doc":"The firm\'s company that sells.","fields":[{"name":"code","type":"string","doc":"Its code."},{"name":"name","type":"string","doc":"Its name."},{"name":"subsidiary","type":"string","doc":"Its number in the ERP tenant."}]},"doc":"Company that sells."},{"name":"customer","type":{"type":"record","name":"Account","namespace":"throughline.engagement","doc":"A customer as its CRM knows it.","fields":[{"name":"account_id","type":"string","doc":"Key of the account."},{"name":"name","type":"string","doc":"Name."},{"name":"parent_id","type":["null","string"],"doc":"Account that it belongs to.","default":null},{"name":"bill_to_account_id","type":["null","string"],"doc":"Account that is billed for it.","default":null},{"name":"address","type":["null",{"type":"record","name":"Address","namespace":"throughline.engagement","doc":"A postal address.","fields":[{"name":"street","type":["null","string"],"doc":"Street and number.","default":null},{"name":"city","type":["null","string"],"doc":"City.","default":null},{"name":"region","type":["null","string"],"doc":"State or province.","default":null},{"name":"postal_code","type":["null","string"],"doc":"Postal code.","default":null},{"name":"country","type":["null","string"],"doc":"ISO 3166-1 alpha-2 code.","default":null}]}],"doc":"Postal address.","default":null},{"name":"tax_number","type":["null","string"],"doc":"Tax registration number.","default":null}]},"doc":"Customer."},{"name":"bill_to","type":"throughline.engagement.Account","doc":"Who is billed."},{"name":"ultimate_parent","type":"throughline.engagement.Account","doc":"Top of the customer\'s hierarchy."},{"name":"place_of_supply","type":["null","throughline.contract.Place"],"doc":"Where the service is supplied.","default":null},{"name":"resource_codes","type":{"type":"array","items":{"type":"record","name":"ResourceCode","namespace":"throughline.engagement","doc":"A role in the words of the PSA.","fields":[{"name":"role","type":"string","doc":"Role of the rate card."},{"name":"code","type":"string","doc":"Resource code of the PSA."}]}},"doc":"Roles in the PSA\'s words.","default":[]},{"name":"tax","type":["null",{"type":"record","name":"TaxAttributes","namespace":"throughline.engagement","doc":"How the contract is taxed.","fields":[{"name":"treatment","type":"string","doc":"STANDARD, REVERSE_CHARGE or EXEMPT."},{"name":"tax_code","type":["null","string"],"doc":"The ERP\'s tax code.","default":null}]}],"doc":"How it is taxed.","default":null}]}],"doc":"Where it is set up, when ready.","default":null},{"name":"waits","type":{"type":"array","items":{"type":"record","name":"Wait","namespace":"throughline.common","doc":"A named key that a contract waits for.","fields":[{"name":"key","type":"string","doc":"What is missing, such as legal_entity:BU-17@netsuite-emea."},{"name":"queue","type":"string","doc":"The support queue that supplies it."},{"name":"reason","type":"string","doc":"What is missing and what to do, as a sentence."},{"name":"since","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"Since when this contract waits for the key, in UTC."}]}},"doc":"What it waits for.","default":[]},{"name":"cause","type":["null",{"type":"record","name":"Cause","namespace":"throughline.common","doc":"Why something stopped.","fields":[{"name":"code","type":"string","doc":"Stable code to group by."},{"name":"message","type":"string","doc":"What is wrong, where, and what to do next."},{"name":"fingerprint","type":"string","doc":"The same for causes that differ in their particulars only."}]}],"doc":"Why it stopped, when it did.","default":null},{"name":"origin","type":["null",{"type":"record","name":"Origin","namespace":"throughline.common","doc":"The record that a change goes back to.","fields":[{"name":"topic","type":"string","doc":"Topic of the record."},{"name":"partition","type":"int","doc":"Partition of the record."},{"name":"offset","type":"long","doc":"Offset of the record."},{"name":"event_id","type":"string","doc":"Event id of the record."}]}],"doc":"Record that led to the change.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    contract_id: str  # Key of the contract.
    revision: int  # Revision that was checked.
    status: ReadyStatus  # Outcome of the check.
    summary: str  # What changed.
    contract: Contract  # The contract.
    engagement: Engagement | None = None  # Where it is set up, when ready.
    waits: tuple[Wait, ...] = ()  # What it waits for.
    cause: Cause | None = None  # Why it stopped, when it did.
    origin: Origin | None = None  # Record that led to the change.
