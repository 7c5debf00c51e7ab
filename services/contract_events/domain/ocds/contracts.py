"""One published contract becomes one canonical contract; what had to be inferred is marked on it."""

import re
from dataclasses import dataclass, replace

from services.contract_events.domain.ocds.amendments import Entry, add_up, entries_of, published
from services.contract_events.domain.ocds.countries import region_of
from services.contract_events.domain.ocds.facts import Refusal
from services.contract_events.domain.ocds.parties import Party, buyer_of, country_of, suppliers_of
from services.contract_events.domain.ocds.periods import Term, term_of
from services.contract_events.domain.ocds.reading import Node, amount, day, midnight, node, nodes, numbered, text
from services.contract_events.domain.ocds.releases import Release
from services.contract_events.domain.ocds.values import value_of
from shared.kernel.contract import (
    BillingModel,
    Contract,
    ContractStatus,
    ContractType,
    Document,
    Inferred,
    Line,
    Milestone,
    Place,
)
from shared.kernel.money import Money

STATUSES = {
    "active": ContractStatus.APPROVED,
    "terminated": ContractStatus.APPROVED,
    "pending": ContractStatus.IN_APPROVAL,
    "cancelled": ContractStatus.CANCELLED,
}
_PREFIX = re.compile(r"ocds-[a-z0-9]{6}(?=-)")


@dataclass(frozen=True, slots=True)
class Published:
    """A contract as read, the entries that make up its value (none when it has one revision), and its parties."""

    contract: Contract
    entries: tuple[Entry, ...]
    buyer: Party
    seller: Party | None
    country: str | None


def contract_ids(release: Release) -> tuple[str, ...]:
    """An id for each contract of the release, unique among all processes: `{ocid}/{id}`, with the award where one id stands twice.

    A contract without an id goes by its award, one without either by its place.
    """
    contracts = nodes(release.body, "contracts")
    own = [text(c, "id") or text(c, "awardID") or str(place) for place, c in enumerate(contracts, 1)]
    told = [f"{key}/{text(c, 'awardID') or ''}".rstrip("/") if own.count(key) > 1 else key for key, c in zip(own, contracts, strict=True)]
    return tuple(numbered([f"{release.ocid}/{key}" for key in told]))


def business_unit(release: Release) -> str:
    """The registered prefix of the process id, else what its publisher goes by."""
    prefix = _PREFIX.match(release.ocid)
    return prefix.group() if prefix else text(release.publisher, "uid", "name") or "ocds"


def read_contract(release: Release, body: Node, contract_id: str, roles: tuple[str, ...]) -> Published:
    """The contract in the words of the canonical model. Raises Refusal with what is missing."""
    released = release.date
    if released is None:
        raise Refusal("missing-date", "the release has no date, so nothing says when this was so; publish date")
    award = next((a for a in nodes(release.body, "awards") if a.get("id") is not None and a.get("id") == body.get("awardID")), {})
    buyer = buyer_of(release)
    suppliers = suppliers_of(release, body, award)
    value, value_marks = value_of(release, body, award)
    term = _sound(term_of(body, award, node(release.body, "tender"), released.date()))
    country, country_rule = country_of(release, buyer)
    status, status_marks = _status(body)
    title, title_marks = _title(release, body, contract_id)
    contract = Contract(
        contract_id=contract_id,
        contract_type=ContractType.SOW,
        status=status,
        title=title,
        customer_account_id=buyer.key,
        place_of_performance=Place(country=country) if country else None,
        selling_entity=suppliers[0].key if suppliers else None,
        business_unit=business_unit(release),
        region=region_of(country),
        currency=value.currency,
        start_date=term.start,
        end_date=term.end,
        total_value=value,
        lines=(_line(body, title, value, term),),
        milestones=_milestones(body, value.currency),
        documents=_documents(body),
        approvals=published(roles, _publisher(release), day(body, "dateSigned") or released.date()) if status is ContractStatus.APPROVED else (),
        inferred=(
            Inferred(field="contract_type", rule="a publication does not say it: taken as a statement of work"),
            Inferred(field="business_unit", rule="prefix of the process id, or its publisher"),
            Inferred(field="region", rule=country_rule),
            *value_marks,
            *term.inferred,
            *status_marks,
            *title_marks,
            *_seller_marks(suppliers),
        ),
    )
    return _with_entries(contract, entries_of(body), Published(contract, (), buyer, suppliers[0] if suppliers else None, country))


def _with_entries(contract: Contract, entries: tuple[Entry, ...], read: Published) -> Published:
    """Numbered entries that add up make the first of them the base; others leave one base revision with a note."""
    if not entries:
        return read
    if not add_up(entries, contract.total_value):
        note = Inferred(field="amendments", rule=f"{len(entries)} numbered amendments do not add up to the contract's value: one base revision")
        return replace(read, contract=replace(contract, inferred=(*contract.inferred, note)))
    base, value = entries[0], Money(entries[0].value, contract.currency).rounded()
    end = max(base.expires, contract.start_date)
    line = replace(contract.lines[0], amount=value, end_date=end)
    approvals = tuple(replace(a, decided_at=midnight(base.awarded)) for a in contract.approvals)
    contract = replace(contract, total_value=value, end_date=end, lines=(line,), approvals=approvals)
    return replace(read, contract=contract, entries=entries)


def _sound(term: Term) -> Term:
    if term.end < term.start:
        raise Refusal("end-before-start", f"the period ends on {term.end}, before it starts on {term.start}; publish it the right way round")
    return term


def _status(body: Node) -> tuple[ContractStatus, tuple[Inferred, ...]]:
    stated = (text(body, "status") or "").casefold()
    if stated in STATUSES:
        status = STATUSES[stated]
        rule = "published as in force, so every role has approved it"
        return status, (Inferred(field="approvals", rule=rule),) if status is ContractStatus.APPROVED else ()
    rule = f"status {stated!r} is none of the standard's" if stated else "no status is stated"
    return ContractStatus.APPROVED, (Inferred(field="status", rule=f"{rule}: a published contract is taken as active"),)


def _title(release: Release, body: Node, contract_id: str) -> tuple[str, tuple[Inferred, ...]]:
    own = text(body, "title", "description")
    if own is not None:
        return own, ()
    tender = text(node(release.body, "tender"), "title", "description")
    return tender or contract_id, (Inferred(field="title", rule="title of its tender" if tender else "its id: nothing else is stated"),)


def _seller_marks(suppliers: tuple[Party, ...]) -> tuple[Inferred, ...]:
    if len(suppliers) == 1:
        return ()
    rule = f"first of its {len(suppliers)} suppliers" if suppliers else "no supplier is stated: the business unit sells"
    return (Inferred(field="selling_entity", rule=rule),)


def _line(body: Node, title: str, value: Money, term: Term) -> Line:
    described = text(body, "description", "title") or title
    return Line(line_id="1", description=described, billing_model=BillingModel.FIXED_FEE, amount=value, start_date=term.start, end_date=term.end)


def _milestones(body: Node, currency: str) -> tuple[Milestone, ...]:
    rows = (*nodes(node(body, "implementation"), "milestones"), *nodes(body, "milestones"))
    ids = numbered([text(row, "id") or str(place) for place, row in enumerate(rows, 1)])
    return tuple(_milestone(row, key, currency) for row, key in zip(rows, ids, strict=True))


def _milestone(row: Node, key: str, currency: str) -> Milestone:
    worth = amount(node(row, "value"), "amount")
    same = (text(node(row, "value"), "currency") or currency).upper() == currency
    return Milestone(
        milestone_id=key,
        line_id="1",
        name=text(row, "title", "description") or key,
        due_date=day(row, "dueDate"),
        amount=Money(worth, currency).rounded() if worth is not None and worth >= 0 and same else None,
        accepted_on=day(row, "dateMet"),
    )


def _documents(body: Node) -> tuple[Document, ...]:
    rows = nodes(body, "documents")
    ids = numbered([text(row, "id") or str(place) for place, row in enumerate(rows, 1)])
    return tuple(
        Document(document_id=key, title=text(row, "title", "description", "documentType") or key, url=text(row, "url"))
        for row, key in zip(rows, ids, strict=True)
    )


def _publisher(release: Release) -> str:
    return f"publication by {text(release.publisher, 'name') or business_unit(release)}"
