"""Names that must not be confused, and identifiers that are derived, never drawn."""

from typing import NewType
from uuid import UUID, uuid5

ContractId = NewType("ContractId", str)
AccountId = NewType("AccountId", str)
TenantId = NewType("TenantId", str)

THROUGHLINE = UUID("6f1a3c52-6c0f-5a57-9d2b-2f6a8f4f0c11")  # the namespace of every derived identifier; changing it re-sends everything


def derive(*parts: str) -> UUID:
    """The identifier of this sequence of parts: the same parts give the same identifier in every process and year."""
    return uuid5(THROUGHLINE, "\x1f".join(parts))
