"""A body as NetSuite reads and tells it: amounts are numbers, references and choices small objects."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.erp_provisioning.domain.names import terms_id

AMOUNTS = frozenset({"jobPrice", "initialAmount", "milestoneAmount", "amount", "totalAmount", "recAmount"})

# The record that a reference of ours points at, where it points at an object that we made.
REFERRED = {
    ("customer", "parent"): "customer",
    ("job", "parent"): "customer",
    ("projectTask", "project"): "job",
    ("projectTask", "parent"): "projectTask",
    ("billingSchedule", "job"): "job",
    ("billingSchedule", "projectTask"): "projectTask",
    ("revRecSchedule", "job"): "job",
}


def with_numbers(body: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with its amounts as decimals, which the wire writes as exact numbers."""
    return {name: _numbered(name, value) for name, value in body.items()}


def references(record: str, body: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(record, external id) of everything in `body` that points at an object of ours."""
    found: set[tuple[str, str]] = set()
    for name, value in body.items():
        target = REFERRED.get((record, name))
        if target and value:
            found.add((target, value["externalId"]))
        elif isinstance(value, Mapping) and "items" in value:
            found = found.union(*(references(record, item) for item in value["items"]))
    return found


def holds(record: str, wanted: Mapping[str, Any], observed: Mapping[str, Any], known: Mapping[tuple[str, str], str]) -> bool:
    """Whether the object has everything that is wanted of it. `known`: internal ids of the objects that `wanted` points at."""
    return all(_same(record, name, value, observed.get(name), known) for name, value in wanted.items())


def _numbered(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return with_numbers(value)
    if isinstance(value, list):
        return [_numbered("", item) for item in value]
    return Decimal(value) if name in AMOUNTS and value is not None else value


def _same(record: str, name: str, wanted: Any, observed: Any, known: Mapping[tuple[str, str], str]) -> bool:
    match wanted:
        case None:
            return observed is None
        case {"externalId": key}:
            return _points_at(REFERRED.get((record, name)), key, observed, known)
        case {"id": key}:
            return bool(_id_of(observed) == key)
        case {"items": items}:
            return _same_items(record, items, observed, known)
        case Mapping():
            return isinstance(observed, Mapping) and holds(record, wanted, observed, known)
        case str() if name in AMOUNTS:
            return isinstance(observed, int | Decimal) and Decimal(observed) == Decimal(wanted)
        case _:
            return bool(observed == wanted)


def _same_items(record: str, wanted: Sequence[Any], observed: Any, known: Mapping[tuple[str, str], str]) -> bool:
    there = observed.get("items", []) if isinstance(observed, Mapping) else []
    return len(there) == len(wanted) and all(holds(record, w, o, known) for w, o in zip(wanted, there, strict=True))


def _points_at(target: str | None, key: str, observed: Any, known: Mapping[tuple[str, str], str]) -> bool:
    """The vendor tells a reference by internal id and name; currencies and terms are known by their names."""
    if not isinstance(observed, Mapping):
        return False
    if observed.get("externalId") == key:
        return True
    if target is not None:
        return observed.get("id") is not None and known.get((target, key)) == str(observed["id"])
    return terms_id(str(observed.get("refName", ""))) == key


def _id_of(observed: Any) -> str | None:
    if isinstance(observed, Mapping):
        observed = observed.get("id")
    return None if observed is None else str(observed)
