"""What customer and reference systems report: accounts and mappings. Kept by others; they only pass through the door here."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from shared.kernel.cause import Cause
from shared.kernel.engagement import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """A customer as its source knows it."""

    event_id: str
    occurred_at: datetime
    source: str
    account_id: str
    name: str
    parent_id: str | None = None
    bill_to_account_id: str | None = None
    address: Address | None = None
    tax_number: str | None = None


class MappingKind(StrEnum):
    """What a key stands for. `ERP_SETUP`: something that an ERP refused as unknown, reported once it has been set up there."""

    ERP_ROUTE = "ERP_ROUTE"
    ERP_SETUP = "ERP_SETUP"
    LEGAL_ENTITY = "LEGAL_ENTITY"
    RESOURCE_CODE = "RESOURCE_CODE"
    TAX = "TAX"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingReport:
    """What one key stands for, from a day on."""

    event_id: str
    occurred_at: datetime
    source: str
    key: str
    kind: MappingKind
    effective_from: date
    effective_to: date | None = None
    values: dict[str, str] = field(default_factory=dict)
    actor: str
    reason: str


def mapping_violation(report: MappingReport) -> Cause | None:
    """Why a mapping cannot be what it says: a key of another kind, or an end before its beginning."""
    prefix = f"{report.kind.lower()}:"
    subject, _, place = report.key.removeprefix(prefix).rpartition("@")
    if not report.key.startswith(prefix) or not subject or not place:
        return Cause("bad-mapping-key", f"the key of a mapping of kind {report.kind} is written {prefix}WHAT@WHERE; this one is {report.key!r}")
    if report.effective_to is not None and report.effective_to < report.effective_from:
        return Cause("end-before-start", f"mapping {report.key!r} ends on {report.effective_to}, before {report.effective_from}")
    return None
