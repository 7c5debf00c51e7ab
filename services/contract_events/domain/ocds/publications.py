"""A published document read whole: accounts and mappings first, then each contract's reports in the order to send them."""

from dataclasses import dataclass, field
from datetime import datetime

from services.contract_events.domain.approvals import ApprovalPolicy
from services.contract_events.domain.events import ContractEvent, Kind
from services.contract_events.domain.ocds.amendments import change_orders, listed
from services.contract_events.domain.ocds.contracts import Published, contract_ids, read_contract
from services.contract_events.domain.ocds.facts import SOURCE, Publication, Refusal, Refused, Taken
from services.contract_events.domain.ocds.mappings import implied
from services.contract_events.domain.ocds.parties import account_of
from services.contract_events.domain.ocds.reading import Node, midnight, nodes
from services.contract_events.domain.ocds.releases import Release, releases_in
from services.contract_events.domain.reports import AccountReport, MappingReport
from services.contract_events.domain.rules import violation
from services.contract_events.domain.terms import amendment_fingerprint, fingerprint
from shared.kernel.contract import Amendment, Contract, ContractType
from shared.kernel.ids import derive


@dataclass(slots=True)
class _Gathered:
    accounts: dict[str, AccountReport] = field(default_factory=dict)
    mappings: dict[str, MappingReport] = field(default_factory=dict)
    taken: dict[str, tuple[ContractEvent, ...]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)


def read_publication(document: object, policy: ApprovalPolicy, derive_mappings: bool) -> Publication:
    """Everything a document gives. A contract that an earlier release left incomplete counts as taken once a later one completes it."""
    gathered, releases = _Gathered(), 0
    for release in releases_in(document):
        releases += 1
        for body, contract_id in zip(nodes(release.body, "contracts"), contract_ids(release), strict=True):
            try:
                _gather(gathered, release, body, contract_id, policy, derive_mappings)
            except Refusal as refusal:
                gathered.refused[contract_id] = Refused(contract_id, refusal.code, str(refusal))
    return Publication(
        tuple(gathered.accounts.values()),
        tuple(gathered.mappings.values()),
        tuple(Taken(contract_id, events) for contract_id, events in gathered.taken.items()),
        tuple(refused for contract_id, refused in gathered.refused.items() if contract_id not in gathered.taken),
        releases,
    )


def _gather(gathered: _Gathered, release: Release, body: Node, contract_id: str, policy: ApprovalPolicy, derive_mappings: bool) -> None:
    read = read_contract(release, body, contract_id, policy.roles.get(ContractType.SOW, ()))
    events = _events(release, body, read, policy.roles.get(ContractType.CHANGE_ORDER, ()))
    for event in events:
        cause = violation(event)
        if cause is not None:
            raise Refusal(cause.code, cause.message)
    at = _released(release)
    account = account_of(read.buyer, read.country, at)
    gathered.accounts[account.event_id] = account
    if derive_mappings:
        gathered.mappings.update({fact.event_id: fact for fact in implied(read.contract, read.seller, at)})
    gathered.taken[contract_id] = (*gathered.taken.get(contract_id, ()), *events)


def _events(release: Release, body: Node, read: Published, roles: tuple[str, ...]) -> tuple[ContractEvent, ...]:
    """The base first and its numbered change orders after it; the standard's own amendments before the statement that holds them."""
    contract, at = read.contract, _released(release)
    actor = read.contract.approvals[0].actor if read.contract.approvals else "publication"
    if read.entries:
        orders = change_orders(read.entries, contract, roles, actor)
        base = _stated(contract, midnight(read.entries[0].awarded))
        # A minute for each number keeps the order of change orders awarded on one day.
        return (base, *(_changed(contract, o, midnight(o.effective_date, int(o.amendment_id))) for o in orders))
    notes = () if any(mark.field == "amendments" for mark in contract.inferred) else listed(body, contract.currency, roles, actor, at.date())
    return (*(_changed(contract, note, midnight(note.effective_date)) for note in notes), _stated(contract, at))


def _stated(contract: Contract, at: datetime) -> ContractEvent:
    key = str(derive(SOURCE, "contract", contract.contract_id, contract.status, fingerprint(contract), at.isoformat()))
    return ContractEvent(event_id=key, occurred_at=at, source=SOURCE, contract_id=contract.contract_id, kind=Kind.CONTRACT, contract=contract)


def _changed(contract: Contract, order: Amendment, at: datetime) -> ContractEvent:
    key = str(derive(SOURCE, "amendment", contract.contract_id, order.amendment_id, amendment_fingerprint(order), at.isoformat()))
    return ContractEvent(event_id=key, occurred_at=at, source=SOURCE, contract_id=contract.contract_id, kind=Kind.AMENDMENT, amendment=order)


def _released(release: Release) -> datetime:
    assert release.date is not None  # read_contract refuses a release without one
    return release.date
