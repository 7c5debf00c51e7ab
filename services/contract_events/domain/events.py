"""What a contract system reports, in the field's own terms."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.kernel.contract import Amendment, Approval, Contract


class Kind(StrEnum):
    CONTRACT = "CONTRACT"
    AMENDMENT = "AMENDMENT"
    APPROVAL = "APPROVAL"
    CANCELLATION = "CANCELLATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractEvent:
    """One report about one contract; `kind` says which body is filled. `occurred_at` is the source's own time."""

    event_id: str
    occurred_at: datetime
    source: str
    contract_id: str
    kind: Kind
    contract: Contract | None = None
    amendment: Amendment | None = None
    approval: Approval | None = None
    reason: str | None = None
