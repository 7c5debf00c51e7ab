"""The objects of an org as its describe tells them, read from a profile's objects.json."""

import json
from dataclasses import dataclass, field
from pathlib import Path

EXTERNAL_KEY = "Throughline_Key__c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column. Writable, nullable and unrestricted unless told otherwise; `assumed`: no public source confirms it."""

    name: str
    type: str
    label: str
    length: int | None = None
    precision: int | None = None
    scale: int = 0
    digits: int | None = None
    write: bool = True
    required: bool = False
    values: tuple[str, ...] = ()
    restricted: bool = False
    references: str | None = None
    relationship: str | None = None
    external_id: bool = False
    custom: bool = False
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class SObject:
    """`prefix`: the first three characters of its ids. `by_relationship`: reference fields by relationship name."""

    name: str
    prefix: str
    fields: dict[str, Field]
    by_relationship: dict[str, Field] = field(default_factory=dict)


def read_objects(path: Path, roster: tuple[str, ...] = ()) -> dict[str, SObject]:
    """Objects by name. A picklist whose values are told as "roster" has the resource codes of the roster."""
    told = json.loads(path.read_text())
    return {name: _sobject(name, each, roster) for name, each in told.items() if not name.startswith("_")}


def _sobject(name: str, told: dict[str, object], roster: tuple[str, ...]) -> SObject:
    columns = told["fields"]
    if not isinstance(columns, dict):
        raise ValueError(f"objects.json: {name} has no table of fields")
    fields = {column: _field(column, facts, roster) for column, facts in columns.items()}
    by_relationship = {each.relationship: each for each in fields.values() if each.relationship}
    return SObject(name, str(told["prefix"]), fields, by_relationship)


def _field(name: str, facts: dict[str, object], roster: tuple[str, ...]) -> Field:
    values = roster if facts.get("values") == "roster" else tuple(facts.get("values", ()))  # type: ignore[arg-type]
    return Field(name=name, **{**facts, "values": values})  # type: ignore[arg-type]
