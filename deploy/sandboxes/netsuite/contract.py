"""The published contract of each record, read from records.json: fields and their types, required values, references, sublists."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.sandboxes.common.journal import JsonObject

# Told by the system; sent back by clients that read before they write, and ignored then.
TOLD_BY_SYSTEM = frozenset({"id", "links", "refName", "dateCreated", "lastModifiedDate"})

_TYPE = re.compile(r"(?P<kind>[a-z0-9-]+)(?:\((?P<values>[^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Field:
    """`kind` as published (string, bool, int64, double, float, date, date-time, ref, enum, sublist, …).

    `values`: what an enum allows (empty: not published; ISO2: any country code). `targets`: the record types a reference may point at, where known.
    """

    name: str
    kind: str
    values: frozenset[str]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sublist:
    """`key` names the line's identity; a sublist without one only ever grows or is replaced."""

    key: str | None
    fields: dict[str, Field]
    objects: dict[str, dict[str, Field]]


@dataclass(frozen=True, slots=True)
class Record:
    """`group`: the records that share internal and external ids (customers and jobs are both entities)."""

    name: str
    group: str
    deletable: bool
    required: tuple[tuple[str, str], ...]
    unsupported: frozenset[str]
    fields: dict[str, Field]
    sublists: dict[str, Sublist]


@cache
def records() -> dict[str, Record]:
    """Record types by name."""
    published = json.loads((Path(__file__).parent / "records.json").read_text())
    return {name: _record(name, told) for name, told in published.items() if not name.startswith("_")}


def record_named(name: str) -> Record | None:
    """Record names in addresses are read without regard to case (the vendor's own samples vary)."""
    return next((record for known, record in records().items() if known.lower() == name.lower()), None)


def _record(name: str, told: JsonObject) -> Record:
    return Record(
        name=name,
        group=told["group"],
        deletable=told["deletable"],
        required=tuple((field, label) for field, label in told["required"]),
        unsupported=frozenset(told["unsupported"]),
        fields=_fields(told["fields"], told["targets"], told["enums"]),
        sublists={line: _sublist(lines) for line, lines in told["lines"].items()},
    )


def _sublist(told: JsonObject) -> Sublist:
    objects = {name: _fields(fields, {}, {}) for name, fields in told["objects"].items()}
    return Sublist(told["key"], _fields(told["fields"], told["targets"], {}), objects)


def _fields(types: dict[str, str], targets: dict[str, str], enums: dict[str, list[str]]) -> dict[str, Field]:
    return {name: _field(name, published, targets.get(name, ""), enums.get(name)) for name, published in types.items()}


def _field(name: str, published: str, targets: str, listed: list[str] | None) -> Field:
    matched = _TYPE.fullmatch(published)
    if matched is None:
        raise ValueError(f"records.json: field {name} has the unreadable type {published!r}")
    values = frozenset(listed) if listed is not None else _enum_values(matched["values"] or "")
    return Field(name, matched["kind"], values if matched["kind"] == "enum" else frozenset(), tuple(filter(None, targets.split("|"))))


def _enum_values(text: str) -> frozenset[str]:
    if span := re.fullmatch(r"(\d+)-(\d+)", text):
        return frozenset(str(n) for n in range(int(span[1]), int(span[2]) + 1))
    return frozenset(filter(None, text.split("|")))
