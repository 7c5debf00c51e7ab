"""What a publication gives besides contracts: accounts of the buyers, mappings it implies, and what could not be taken."""

from dataclasses import dataclass

from services.contract_events.domain.events import ContractEvent
from services.contract_events.domain.reports import AccountReport, MappingReport

SOURCE = "ocds"


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

    accounts: tuple[AccountReport, ...] = ()
    mappings: tuple[MappingReport, ...] = ()
    taken: tuple[Taken, ...] = ()
    refused: tuple[Refused, ...] = ()
    releases: int = 0
