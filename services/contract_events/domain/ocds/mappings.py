"""The mappings that a publication implies: where its business unit is kept, and which legal entity sells."""

from datetime import date, datetime

from services.contract_events.domain.ocds.countries import TENANTS
from services.contract_events.domain.ocds.facts import SOURCE
from services.contract_events.domain.ocds.parties import Party
from services.contract_events.domain.reports import MappingKind, MappingReport
from shared.kernel.contract import Contract
from shared.kernel.ids import derive

ACTOR = "throughline feed"
ALWAYS = date(1970, 1, 1)


def implied(contract: Contract, seller: Party | None, at: datetime) -> tuple[MappingReport, ...]:
    """Route and legal entity of the contract; none where its region is unknown, as nothing says which tenant it belongs to."""
    tenant = TENANTS.get(contract.region)
    if tenant is None:
        return ()
    unit = contract.selling_entity or contract.business_unit
    name = seller.name if seller else contract.business_unit
    return (
        _fact(f"erp_route:{contract.business_unit}@{contract.region}", MappingKind.ERP_ROUTE, {"tenant": tenant}, at),
        _fact(f"legal_entity:{unit}@{tenant}", MappingKind.LEGAL_ENTITY, {"code": unit, "name": name, "subsidiary": "1"}, at),
    )


def _fact(key: str, kind: MappingKind, values: dict[str, str], at: datetime) -> MappingReport:
    content = (f"{name}={value}" for name, value in sorted(values.items()))
    return MappingReport(
        event_id=str(derive(SOURCE, "mapping", key, *content)),
        occurred_at=at,
        source=SOURCE,
        key=key,
        kind=kind,
        effective_from=ALWAYS,
        values=values,
        actor=ACTOR,
        reason="implied by a publication",
    )
