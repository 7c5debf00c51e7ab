"""Buyer and supplier: who is the customer, which of our companies sells, in which country."""

from dataclasses import dataclass
from datetime import datetime

from services.contract_events.domain.ocds.countries import country_code, scheme_country
from services.contract_events.domain.ocds.facts import SOURCE, Refusal
from services.contract_events.domain.ocds.reading import Node, node, nodes, text
from services.contract_events.domain.ocds.releases import Release
from services.contract_events.domain.reports import AccountReport
from shared.kernel.engagement import Address
from shared.kernel.ids import derive


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation: `key` is its identifier with its scheme, the same however a release writes it."""

    key: str
    name: str
    country: str | None
    body: Node


def buyer_of(release: Release) -> Party:
    """The customer. Raises Refusal when the release names none."""
    body = release.body
    for named in (node(body, "buyer"), _with_role(body, "buyer"), node(node(body, "tender"), "procuringEntity"), _with_role(body, "procuringEntity")):
        party = party_of(body, named)
        if party is not None:
            return party
    raise Refusal("missing-buyer", "the release names no buyer and no procuring entity; without a customer there is nobody to bill")


def suppliers_of(release: Release, contract: Node, award: Node) -> tuple[Party, ...]:
    """Who sells: as the contract, else its award, else the release's only party in that role says."""
    body = release.body
    named = nodes(contract, "suppliers") or nodes(award, "suppliers")
    if not named:
        in_role = tuple(party for party in nodes(body, "parties") if "supplier" in _roles(party))
        named = in_role if len(in_role) == 1 else ()
    return tuple(party for party in (party_of(body, one) for one in named) if party is not None)


def party_of(body: Node, named: Node) -> Party | None:
    """The organisation that `named` refers to, with what the list of parties adds; None without a key."""
    full = next((p for p in nodes(body, "parties") if p.get("id") is not None and str(p["id"]) == str(named.get("id"))), {})
    both = {**named, **{key: value for key, value in full.items() if value}}
    key = _key(both)
    if key is None:
        return None
    name = text(both, "name") or text(node(both, "identifier"), "legalName") or key
    return Party(key, name, _country(both), both)


def _key(party: Node) -> str | None:
    identifier = node(party, "identifier") or node(party, "identifiers")
    scheme, number = text(identifier, "scheme"), text(identifier, "id")
    if number is not None and scheme is not None:
        return number if number.startswith(f"{scheme}-") else f"{scheme}-{number}"
    return text(party, "id") or number or text(party, "name")


def _country(party: Node) -> str | None:
    address = node(party, "address")
    identifier = node(party, "identifier") or node(party, "identifiers")
    stated = country_code(text(address, "countryName")) or country_code(text(address, "country"))
    return stated or scheme_country(text(identifier, "scheme"))


def country_of(release: Release, buyer: Party) -> tuple[str | None, str]:
    """The buyer's country, and the rule by which it was found: its own, its publisher's, or the one that all other parties share."""
    if buyer.country is not None:
        return buyer.country, "country of the buyer"
    publisher = scheme_country(text(release.publisher, "scheme"))
    if publisher is not None:
        return publisher, "country of the publisher's identifier scheme"
    others = {found for found in (_country(party) for party in nodes(release.body, "parties")) if found is not None}
    return (others.pop(), "the one country of all other parties") if len(others) == 1 else (None, "no country is stated anywhere")


def account_of(buyer: Party, country: str | None, at: datetime) -> AccountReport:
    stated = node(buyer.body, "address")
    address = Address(
        street=text(stated, "streetAddress"),
        city=text(stated, "locality"),
        region=text(stated, "region"),
        postal_code=text(stated, "postalCode"),
        country=country,
    )
    content = (buyer.name, *(str(part) for part in (address.street, address.city, address.region, address.postal_code, country)))
    return AccountReport(
        event_id=str(derive(SOURCE, "account", buyer.key, *content)),
        occurred_at=at,
        source=SOURCE,
        account_id=buyer.key,
        name=buyer.name,
        address=address,
    )


def _with_role(body: Node, role: str) -> Node:
    return next((party for party in nodes(body, "parties") if role in _roles(party)), {})


def _roles(party: Node) -> list[object]:
    roles = party.get("roles")
    return roles if isinstance(roles, list) else []
