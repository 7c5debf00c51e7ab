"""The engagement: a contract with everything that finance and delivery systems need to know to set it up."""

from dataclasses import dataclass

from shared.kernel.contract import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer as its CRM knows it."""

    account_id: str
    name: str
    parent_id: str | None = None
    bill_to_account_id: str | None = None
    address: Address | None = None
    tax_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalEntity:
    """The firm's company that sells, and the number it has in that ERP tenant."""

    code: str
    name: str
    subsidiary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxAttributes:
    """`treatment` is the tax engine's word (STANDARD, REVERSE_CHARGE, EXEMPT); `tax_code` the ERP's."""

    treatment: str
    tax_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceCode:
    role: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """Where and as what a contract is set up: ERP tenant, legal entity, accounts, resource codes, tax."""

    tenant: str
    unit_key: str
    legal_entity: LegalEntity
    customer: Account
    bill_to: Account
    ultimate_parent: Account
    place_of_supply: Place | None = None
    resource_codes: tuple[ResourceCode, ...] = ()
    tax: TaxAttributes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A named key that is not there yet, and whose it is to supply it."""

    key: str
    queue: str
    reason: str
