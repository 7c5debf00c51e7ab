"""Whether a contract can be set up: its engagement when everything is known, else everything that is missing, named at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.master_data.domain.facts import Entries, Entry, KnownAccount
from services.master_data.domain.hierarchy import Climb, climb
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract, Place
from shared.kernel.engagement import Account, Engagement, LegalEntity, ResourceCode, TaxAttributes


@dataclass(frozen=True, slots=True)
class Rules:
    """`tax_tenants` are the ERP tenants that take no contract without tax attributes; contracts of others carry none."""

    tax_tenants: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assessment:
    """`engagement` is there when nothing is missing; else `gaps` says of each missing key what to do. `cause` names what is there and wrong."""

    engagement: Engagement | None
    gaps: Mapping[str, str] = field(default_factory=dict)
    cause: Cause | None = None


@dataclass(slots=True)
class Library:
    """What is known, by state key; `look_up` answers a KnownAccount for an account's key, Entries for a mapping's, None for neither.

    `asked` names every key that was looked for, so that it can be loaded; `gaps` says of each missing one what to do.
    """

    look_up: Callable[[str], KnownAccount | Entries | None]
    asked: set[str] = field(default_factory=set)
    gaps: dict[str, str] = field(default_factory=dict)

    def account(self, account_id: str) -> Account | None:
        key = f"account:{account_id}"
        self.asked.add(key)
        known = self.look_up(key)
        return known.account if isinstance(known, KnownAccount) else None

    def entry(self, key: str, contract: Contract) -> Entry | None:
        """The entry in force on the contract's first day; its absence is noted as a gap."""
        self.asked.add(key)
        known = self.look_up(key)
        found = known.on(contract.start_date, contract.selling_entity) if isinstance(known, Entries) else None
        if found is None:
            self.miss(key, f"no entry of {key} holds on {contract.start_date}, the contract's first day; load one")
        return found

    def miss(self, key: str, reason: str) -> None:
        self.gaps.setdefault(key, reason)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the contract goes: tenant, and the company that sells there."""

    tenant: str
    unit_key: str
    legal_entity: LegalEntity


def assess(contract: Contract, library: Library, rules: Rules) -> Assessment:
    """Look up everything the contract needs. Keys that hang on a missing one (a tenant's, without a route) are named once it is there."""
    customer, top, cause = _hierarchy(contract, library)
    bill_to = _bill_to(contract, customer, library)
    route = library.entry(f"erp_route:{contract.business_unit}@{contract.region}", contract)
    tenant = route.values["tenant"] if route else None
    place = _place(contract, tenant, library) if tenant else None
    codes = _resource_codes(contract, tenant, library) if tenant else ()
    supplied = _place_of_supply(contract, customer)
    tax = _tax(contract, tenant, supplied, library) if tenant in rules.tax_tenants and customer else None
    if library.gaps or customer is None or bill_to is None or top is None or place is None:
        return Assessment(None, library.gaps, cause)
    return Assessment(
        Engagement(
            tenant=place.tenant,
            unit_key=place.unit_key,
            legal_entity=place.legal_entity,
            customer=customer,
            bill_to=bill_to,
            ultimate_parent=top,
            place_of_supply=supplied,
            resource_codes=codes,
            tax=tax,
        )
    )


def _hierarchy(contract: Contract, library: Library) -> tuple[Account | None, Account | None, Cause | None]:
    way = climb(contract.customer_account_id, library.account)
    if way.missing is not None:
        library.miss(f"account:{way.missing}", _why_account(contract, way))
    if way.cause is not None:
        for account in way.path:  # correcting any one of them may cure it
            library.miss(f"account:{account.account_id}", way.cause.message)
    return library.account(contract.customer_account_id), way.top, way.cause


def _why_account(contract: Contract, way: Climb) -> str:
    below = f"parent of account {way.path[-1].account_id}" if way.path else f"customer of contract {contract.contract_id}"
    return f"account {way.missing}, {below}, is not known yet; send it from the CRM"


def _bill_to(contract: Contract, customer: Account | None, library: Library) -> Account | None:
    billed = contract.bill_to_account_id or (customer.bill_to_account_id if customer else None)
    if billed is None:
        return customer
    account = library.account(billed)
    if account is None:
        library.miss(f"account:{billed}", f"account {billed}, billed for contract {contract.contract_id}, is not known yet; send it from the CRM")
    return account


def _place(contract: Contract, tenant: str, library: Library) -> _Place | None:
    unit_key = contract.selling_entity or contract.business_unit
    entry = library.entry(f"legal_entity:{unit_key}@{tenant}", contract)
    if entry is None:
        return None
    values = entry.values
    return _Place(tenant, unit_key, LegalEntity(code=values["code"], name=values["name"], subsidiary=values["subsidiary"]))


def _resource_codes(contract: Contract, tenant: str, library: Library) -> tuple[ResourceCode, ...]:
    roles = sorted({rate.role for rate in contract.rate_card})
    entries = [(role, library.entry(f"resource_code:{role}@{tenant}", contract)) for role in roles]
    return tuple(ResourceCode(role=role, code=entry.values["code"]) for role, entry in entries if entry)


def _place_of_supply(contract: Contract, customer: Account | None) -> Place | None:
    """Where the work is performed, else where the customer is: services between businesses are supplied where the customer is."""
    address = customer.address if customer else None
    at_customer = Place(country=address.country, region=address.region) if address and address.country else None
    return contract.place_of_performance or at_customer


def _tax(contract: Contract, tenant: str | None, supplied: Place | None, library: Library) -> TaxAttributes | None:
    if supplied is None:
        reason = f"account {contract.customer_account_id} has no country, so its tax treatment cannot be found; add its address in the CRM"
        library.miss(f"account:{contract.customer_account_id}", reason)
        return None
    entry = library.entry(f"tax:{supplied.country}@{tenant}", contract)
    return TaxAttributes(treatment=entry.values["treatment"], tax_code=entry.values.get("tax_code")) if entry else None
