"""Whether a body may be written: every field known, offered in REST, of its type; nothing required missing; every reference met."""

from typing import Any

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.netsuite import errors
from deploy.sandboxes.netsuite.contract import TOLD_BY_SYSTEM, Field, Record, Sublist
from deploy.sandboxes.netsuite.values import Resolve, kept


def checked(record: Record, body: JsonObject, resolve: Resolve) -> JsonObject:
    """The body as it is stored, null for a field to be cleared. Raises NetSuiteError at the first thing that is wrong."""
    stored: JsonObject = {}
    for name, value in body.items():
        if name in record.unsupported:
            raise errors.unsupported_field(record.name, name)
        if name not in record.fields:
            raise errors.unknown_field(record.name, name)
        if name not in TOLD_BY_SYSTEM and name != "externalId":
            stored[name] = _kept_field(record, record.fields[name], value, resolve)
    return stored


def complete(record: Record, fields: JsonObject) -> None:
    """Raises NetSuiteError naming every required value that is missing, in the vendor's words."""
    missing = [label for name, label in _required(record, fields) if fields.get(name) in (None, "")]
    if missing:
        raise errors.missing_values(missing)


def _required(record: Record, fields: JsonObject) -> tuple[tuple[str, str], ...]:
    """A customer that is a person has a name of its own instead of a company's."""
    if record.name == "customer" and fields.get("isPerson") is True:
        return (("firstName", "First Name"), ("lastName", "Last Name"), *record.required[1:])
    return record.required


def _kept_field(record: Record, field: Field, value: Any, resolve: Resolve) -> Any:
    if value is None:
        return None
    if field.kind == "sublist":
        return _kept_lines(record, field.name, value, resolve)
    return kept(field, value, field.name, resolve)


def _kept_lines(record: Record, name: str, value: Any, resolve: Resolve) -> list[JsonObject]:
    lines = value.get("items") if isinstance(value, dict) else None
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise errors.bad_value(name)
    published = record.sublists.get(name)
    if published is None:
        return lines
    return [_kept_line(record, published, line, f"{name}.items[{at}]", resolve) for at, line in enumerate(lines)]


def _kept_line(record: Record, published: Sublist, line: JsonObject, path: str, resolve: Resolve) -> JsonObject:
    stored: JsonObject = {}
    for name, value in line.items():
        where = f"{path}.{name}"
        if name in ("links", "refName"):
            continue
        if name not in published.fields:
            raise errors.unknown_field(record.name, where)
        if name in published.objects:
            stored[name] = _kept_object(record, published.objects[name], value, where, resolve)
        else:
            stored[name] = None if value is None else kept(published.fields[name], value, where, resolve)
    return stored


def _kept_object(record: Record, fields: dict[str, Field], value: Any, path: str, resolve: Resolve) -> JsonObject:
    if not isinstance(value, dict):
        raise errors.bad_value(path)
    stored: JsonObject = {}
    for name, part in value.items():
        if name == "links":
            continue
        if name not in fields:
            raise errors.unknown_field(record.name, f"{path}.{name}")
        stored[name] = None if part is None else kept(fields[name], part, f"{path}.{name}", resolve)
    return stored
