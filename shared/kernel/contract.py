"""The canonical contract: one shape for what every source says, in the field's own names."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from shared.kernel.money import Money


class ContractType(StrEnum):
    MSA = "MSA"
    SOW = "SOW"
    CHANGE_ORDER = "CHANGE_ORDER"


class ContractStatus(StrEnum):
    DRAFT = "DRAFT"
    IN_APPROVAL = "IN_APPROVAL"
    APPROVED = "APPROVED"
    CANCELLED = "CANCELLED"


class BillingModel(StrEnum):
    FIXED_FEE = "FIXED_FEE"
    MILESTONE = "MILESTONE"
    TIME_AND_MATERIALS = "TIME_AND_MATERIALS"
    RETAINER = "RETAINER"


class RevenueMethod(StrEnum):
    POINT_IN_TIME = "POINT_IN_TIME"
    STRAIGHT_LINE = "STRAIGHT_LINE"
    PERCENT_COMPLETE = "PERCENT_COMPLETE"
    MILESTONE = "MILESTONE"


class ApprovalDecision(StrEnum):
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    role: str
    actor: str
    decision: ApprovalDecision
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the work is performed: ISO 3166-1 alpha-2 country, and a region of it where tax or routing needs one."""

    country: str
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One priced line; a contract may mix billing models by line. `cap` is the line's not-to-exceed."""

    line_id: str
    description: str
    billing_model: BillingModel
    amount: Money
    cap: Money | None = None
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """Worth `amount`, or `percent` (0 to 100) of its line; without a line, of the lines that have none of their own. See `milestones`."""

    milestone_id: str
    line_id: str | None = None
    name: str
    due_date: date | None = None
    amount: Money | None = None
    percent: Decimal | None = None
    accepted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """What one `unit` (HOUR or DAY) of `role` costs the customer, while effective."""

    role: str
    rate: Money
    unit: str
    effective_from: date
    effective_to: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpensePolicy:
    reimbursable: bool
    markup_percent: Decimal | None = None
    cap: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    document_id: str
    title: str
    sha256: str | None = None
    retention_class: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """A field that the source did not state, and the rule by which it was filled."""

    field: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What was agreed, as of one revision. Amounts in `currency` throughout."""

    contract_id: str
    contract_type: ContractType
    parent_id: str | None = None
    status: ContractStatus
    title: str
    customer_account_id: str
    bill_to_account_id: str | None = None
    place_of_performance: Place | None = None
    selling_entity: str | None = None
    business_unit: str
    region: str
    currency: str
    start_date: date
    end_date: date
    total_value: Money
    not_to_exceed: Money | None = None
    payment_terms: str | None = None
    purchase_order: str | None = None
    revenue_method: RevenueMethod = RevenueMethod.STRAIGHT_LINE
    lines: tuple[Line, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    rate_card: tuple[Rate, ...] = ()
    expense_policy: ExpensePolicy | None = None
    documents: tuple[Document, ...] = ()
    approvals: tuple[Approval, ...] = ()
    inferred: tuple[Inferred, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A change order as a delta on its contract: what it adds to the value, and what it replaces."""

    amendment_id: str
    effective_date: date
    summary: str
    value_delta: Money
    end_date: date | None = None
    lines: tuple[Line, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    approvals: tuple[Approval, ...] = ()


class RevisionKind(StrEnum):
    BASE = "BASE"
    AMENDMENT = "AMENDMENT"
    CORRECTION = "CORRECTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One step of the lineage: base plus deltas equals the current value, always."""

    number: int
    kind: RevisionKind
    amendment_id: str | None = None
    effective_date: date
    delta: Money
    value: Money
    summary: str
    approvals: tuple[Approval, ...] = ()
    recorded_at: datetime
