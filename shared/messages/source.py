"""Messages of the subject area source.

Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again.
"""

import datetime as dt
from enum import StrEnum
from typing import ClassVar

from shared.messages.base import Message
from shared.messages.contract import Amendment, Approval, Contract
from shared.messages.engagement import Address


class ContractEventKind(StrEnum):
    """What a contract system reports."""

    CONTRACT = "CONTRACT"
    AMENDMENT = "AMENDMENT"
    APPROVAL = "APPROVAL"
    CANCELLATION = "CANCELLATION"


class MappingKind(StrEnum):
    """What a mapping translates."""

    ERP_ROUTE = "ERP_ROUTE"
    LEGAL_ENTITY = "LEGAL_ENTITY"
    RESOURCE_CODE = "RESOURCE_CODE"
    TAX = "TAX"


class SourceAccount(Message, frozen=True, kw_only=True):
    """An account as its CRM knows it."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"SourceAccount","namespace":"throughline.source","doc":"An account as its CRM knows it.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"source","type":"string","doc":"System that sent it."},{"name":"account_id","type":"string","doc":"Key of the account."},{"name":"name","type":"string","doc":"Name of the customer."},{"name":"parent_id","type":["null","string"],"doc":"Account that it belongs to.","default":null},{"name":"bill_to_account_id","type":["null","string"],"doc":"Account that is billed for it.","default":null},{"name":"address","type":["null",{"type":"record","name":"Address","namespace":"throughline.engagement","doc":"A postal address.","fields":[{"name":"street","type":["null","string"],"doc":"Street and number.","default":null},{"name":"city","type":["null","string"],"doc":"City.","default":null},{"name":"region","type":["null","string"],"doc":"State or province.","default":null},{"name":"postal_code","type":["null","string"],"doc":"Postal code.","default":null},{"name":"country","type":["null","string"],"doc":"ISO 3166-1 alpha-2 code.","default":null}]}],"doc":"Postal address.","default":null},{"name":"tax_number","type":["null","string"],"doc":"Tax registration number.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    source: str  # System that sent it.
    account_id: str  # Key of the account.
    name: str  # Name of the customer.
    parent_id: str | None = None  # Account that it belongs to.
    bill_to_account_id: str | None = None  # Account that is billed for it.
    address: Address | None = None  # Postal address.
    tax_number: str | None = None  # Tax registration number.


class SourceContract(Message, frozen=True, kw_only=True):
    """An event of a contract system: a contract, a change order, an approval or a cancellation."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"SourceContract","namespace":"throughline.source","doc":"An event of a contract system: a contract, a change order, an approval or a cancellation.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"source","type":"string","doc":"System that sent it."},{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"kind","type":{"type":"enum","name":"ContractEventKind","namespace":"throughline.source","doc":"What a contract system reports.","symbols":["CONTRACT","AMENDMENT","APPROVAL","CANCELLATION"]},"doc":"Which of the bodies is filled."},{"name":"contract","type":["null",{"type":"record","name":"Contract","namespace":"throughline.contract","doc":"What was agreed, as of one revision.","fields":[{"name":"contract_id","type":"string","doc":"Key of the contract."},{"name":"contract_type","type":{"type":"enum","name":"ContractType","namespace":"throughline.contract","doc":"What kind of agreement it is.","symbols":["MSA","SOW","CHANGE_ORDER"]},"doc":"Kind of agreement."},{"name":"parent_id","type":["null","string"],"doc":"Agreement that this one is under.","default":null},{"name":"status","type":{"type":"enum","name":"ContractStatus","namespace":"throughline.contract","doc":"How far the agreement is.","symbols":["DRAFT","IN_APPROVAL","APPROVED","CANCELLED"]},"doc":"How far the agreement is."},{"name":"title","type":"string","doc":"Title for people."},{"name":"customer_account_id","type":"string","doc":"CRM account of the customer."},{"name":"bill_to_account_id","type":["null","string"],"doc":"CRM account that is billed, when another.","default":null},{"name":"place_of_performance","type":["null",{"type":"record","name":"Place","namespace":"throughline.contract","doc":"Where work is performed.","fields":[{"name":"country","type":"string","doc":"ISO 3166-1 alpha-2 code."},{"name":"region","type":["null","string"],"doc":"State or province where tax or routing needs one.","default":null}]}],"doc":"Where the work is performed.","default":null},{"name":"selling_entity","type":["null","string"],"doc":"The firm\'s company that sells, as the source names it.","default":null},{"name":"business_unit","type":"string","doc":"Business unit that delivers."},{"name":"region","type":"string","doc":"Region that the unit sells in."},{"name":"currency","type":"string","doc":"ISO 4217 code of every amount."},{"name":"start_date","type":{"type":"int","logicalType":"date"},"doc":"First day."},{"name":"end_date","type":{"type":"int","logicalType":"date"},"doc":"Last day."},{"name":"total_value","type":{"type":"record","name":"Money","namespace":"throughline.common","doc":"An exact amount with its currency.","fields":[{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":24,"scale":4},"doc":"In units of the currency, never in cents."},{"name":"currency","type":"string","doc":"ISO 4217 code, in capitals."}]},"doc":"Value of the whole contract."},{"name":"not_to_exceed","type":["null","throughline.common.Money"],"doc":"Cap over all lines.","default":null},{"name":"payment_terms","type":["null","string"],"doc":"Such as Net 30.","default":null},{"name":"purchase_order","type":["null","string"],"doc":"The customer\'s order number.","default":null},{"name":"revenue_method","type":{"type":"enum","name":"RevenueMethod","namespace":"throughline.contract","doc":"How revenue is recognised.","symbols":["POINT_IN_TIME","STRAIGHT_LINE","PERCENT_COMPLETE","MILESTONE"]},"doc":"How revenue is recognised.","default":"STRAIGHT_LINE"},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","namespace":"throughline.contract","doc":"One priced line.","fields":[{"name":"line_id","type":"string","doc":"Key of the line within the contract."},{"name":"description","type":"string","doc":"What is delivered."},{"name":"billing_model","type":{"type":"enum","name":"BillingModel","namespace":"throughline.contract","doc":"How a line is billed.","symbols":["FIXED_FEE","MILESTONE","TIME_AND_MATERIALS","RETAINER"]},"doc":"How the line is billed."},{"name":"amount","type":"throughline.common.Money","doc":"Value of the line."},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Not-to-exceed amount of the line.","default":null},{"name":"start_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"First day of the line.","default":null},{"name":"end_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of the line.","default":null}]}},"doc":"Priced lines.","default":[]},{"name":"milestones","type":{"type":"array","items":{"type":"record","name":"Milestone","namespace":"throughline.contract","doc":"A deliverable that is paid for on acceptance.","fields":[{"name":"milestone_id","type":"string","doc":"Key of the milestone within the contract."},{"name":"line_id","type":["null","string"],"doc":"Line that it belongs to.","default":null},{"name":"name","type":"string","doc":"What is to be reached."},{"name":"due_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"When it is due.","default":null},{"name":"amount","type":["null","throughline.common.Money"],"doc":"Worth, when stated as an amount.","default":null},{"name":"percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Worth as a share of its line, 0 to 100.","default":null},{"name":"accepted_on","type":["null",{"type":"int","logicalType":"date"}],"doc":"When the customer accepted it.","default":null}]}},"doc":"Milestones.","default":[]},{"name":"rate_card","type":{"type":"array","items":{"type":"record","name":"Rate","namespace":"throughline.contract","doc":"Price of a role\'s time.","fields":[{"name":"role","type":"string","doc":"Role that works."},{"name":"rate","type":"throughline.common.Money","doc":"Price of one unit."},{"name":"unit","type":"string","doc":"HOUR or DAY."},{"name":"effective_from","type":{"type":"int","logicalType":"date"},"doc":"First day of this price."},{"name":"effective_to","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day of this price.","default":null}]}},"doc":"Rates by role.","default":[]},{"name":"expense_policy","type":["null",{"type":"record","name":"ExpensePolicy","namespace":"throughline.contract","doc":"What expenses the customer pays.","fields":[{"name":"reimbursable","type":"boolean","doc":"Whether expenses are billed at all."},{"name":"markup_percent","type":["null",{"type":"bytes","logicalType":"decimal","precision":24,"scale":4}],"doc":"Added to the cost, in percent.","default":null},{"name":"cap","type":["null","throughline.common.Money"],"doc":"Most that may be billed.","default":null}]}],"doc":"What expenses are billed.","default":null},{"name":"documents","type":{"type":"array","items":{"type":"record","name":"Document","namespace":"throughline.contract","doc":"A signed or attached document.","fields":[{"name":"document_id","type":"string","doc":"Key of the document in its source."},{"name":"title","type":"string","doc":"Title of the document."},{"name":"sha256","type":["null","string"],"doc":"Hash of its bytes, in hex.","default":null},{"name":"retention_class","type":["null","string"],"doc":"How long it is kept.","default":null},{"name":"url","type":["null","string"],"doc":"Where the source publishes it.","default":null}]}},"doc":"Documents.","default":[]},{"name":"approvals","type":{"type":"array","items":{"type":"record","name":"Approval","namespace":"throughline.contract","doc":"One approver\'s decision.","fields":[{"name":"role","type":"string","doc":"Role that decided, such as finance."},{"name":"actor","type":"string","doc":"Who decided."},{"name":"decision","type":{"type":"enum","name":"ApprovalDecision","namespace":"throughline.contract","doc":"What an approver decided.","symbols":["APPROVED","REJECTED"]},"doc":"What was decided."},{"name":"decided_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When, in UTC."}]}},"doc":"Decisions of approvers.","default":[]},{"name":"inferred","type":{"type":"array","items":{"type":"record","name":"Inferred","namespace":"throughline.contract","doc":"A field that the source did not state.","fields":[{"name":"field","type":"string","doc":"Name of the field."},{"name":"rule","type":"string","doc":"How it was filled."}]}},"doc":"What the source did not state.","default":[]}]}],"doc":"The whole contract, for CONTRACT.","default":null},{"name":"amendment","type":["null",{"type":"record","name":"Amendment","namespace":"throughline.contract","doc":"A change order: a delta on its contract.","fields":[{"name":"amendment_id","type":"string","doc":"Key of the change order."},{"name":"effective_date","type":{"type":"int","logicalType":"date"},"doc":"From when it holds."},{"name":"summary","type":"string","doc":"What changes."},{"name":"value_delta","type":"throughline.common.Money","doc":"Added to the value; may be negative."},{"name":"end_date","type":["null",{"type":"int","logicalType":"date"}],"doc":"New last day, when it changes.","default":null},{"name":"lines","type":{"type":"array","items":"throughline.contract.Line"},"doc":"Lines added, or replaced by key.","default":[]},{"name":"milestones","type":{"type":"array","items":"throughline.contract.Milestone"},"doc":"Milestones added, or replaced by key.","default":[]},{"name":"approvals","type":{"type":"array","items":"throughline.contract.Approval"},"doc":"Decisions on this change order.","default":[]}]}],"doc":"The change order, for AMENDMENT.","default":null},{"name":"approval","type":["null","throughline.contract.Approval"],"doc":"The decision, for APPROVAL.","default":null},{"name":"reason","type":["null","string"],"doc":"Why, for CANCELLATION.","default":null}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    source: str  # System that sent it.
    contract_id: str  # Key of the contract.
    kind: ContractEventKind  # Which of the bodies is filled.
    contract: Contract | None = None  # The whole contract, for CONTRACT.
    amendment: Amendment | None = None  # The change order, for AMENDMENT.
    approval: Approval | None = None  # The decision, for APPROVAL.
    reason: str | None = None  # Why, for CANCELLATION.


class SourceMapping(Message, frozen=True, kw_only=True):
    """A mapping between systems, effective-dated."""

    avro_schema: ClassVar[str] = '{"type":"record","name":"SourceMapping","namespace":"throughline.source","doc":"A mapping between systems, effective-dated.","fields":[{"name":"event_id","type":"string","doc":"Identifies the event; derived from what it says, so a repeat has the same one."},{"name":"occurred_at","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the fact came about, in UTC."},{"name":"source","type":"string","doc":"System or file that it came from."},{"name":"key","type":"string","doc":"Key of the mapping, such as legal_entity:BU-17@netsuite-emea."},{"name":"kind","type":{"type":"enum","name":"MappingKind","namespace":"throughline.source","doc":"What a mapping translates.","symbols":["ERP_ROUTE","LEGAL_ENTITY","RESOURCE_CODE","TAX"]},"doc":"What it translates."},{"name":"effective_from","type":{"type":"int","logicalType":"date"},"doc":"First day it holds."},{"name":"effective_to","type":["null",{"type":"int","logicalType":"date"}],"doc":"Last day it holds.","default":null},{"name":"values","type":{"type":"map","values":"string"},"doc":"What the key stands for."},{"name":"actor","type":"string","doc":"Who supplied it."},{"name":"reason","type":"string","doc":"Why."}]}'

    event_id: str  # Identifies the event; derived from what it says, so a repeat has the same one.
    occurred_at: dt.datetime  # When the fact came about, in UTC.
    source: str  # System or file that it came from.
    key: str  # Key of the mapping, such as legal_entity:BU-17@netsuite-emea.
    kind: MappingKind  # What it translates.
    effective_from: dt.date  # First day it holds.
    effective_to: dt.date | None = None  # Last day it holds.
    values: dict[str, str]  # What the key stands for.
    actor: str  # Who supplied it.
    reason: str  # Why.
