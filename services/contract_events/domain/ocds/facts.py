"""What a publication gives besides contracts: accounts of the buyers, mappings it implies, and what could not be taken."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.contract_events.domain.events import ContractEvent
from shared.kernel.engagement import Address

SOURCE = "ocds"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFact:
    """A customer as published."""

    event_id: str
    occurred_at: datetime
    source: str = SOURCE
    account_id: str
    name: str
    address: Address | None = None
    tax_number: str | None = None


class MappingKind(StrEnum):
    ERP_ROUTE = "ERP_ROUTE"
    LEGAL_ENTITY = "LEGAL_ENTITY"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingFact:
    """A mapping that the publication implies."""

    event_id: str
    occurred_at: datetime
    source: str = SOURCE
    key: str
    kind: MappingKind
    effective_from: date
    values: dict[str, str]
    actor: str
    reason: str


class Refusal(Exception):
    """This contract cannot be taken; `code` groups the reason, the message says what is missing where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Taken:
    """A contract that was read, and the reports it became, in the order to send them."""

    contract_id: str
    events: tuple[ContractEvent, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    contract_id: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Everything one document gave. Accounts and mappings come before the contracts that need them."""

    accounts: tuple[AccountFact, ...] = ()
    mappings: tuple[MappingFact, ...] = ()
    taken: tuple[Taken, ...] = ()
    refused: tuple[Refused, ...] = ()
    releases: int = 0
