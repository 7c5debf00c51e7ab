"""An object as NetSuite tells it: links, numbers exact to the last digit, references and enums as small objects."""

from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.netsuite.contract import Field, Record

_EXACT = msgspec.json.Encoder(decimal_format="number")


def instance(record: Record, stored: Stored, base: str, simple_enums: bool) -> JsonObject:
    """`base` is the address of the record collection. Sublists are always told in full."""
    fields = {name: _told(record, name, value, simple_enums) for name, value in stored.fields.items()}
    return {
        "links": [{"rel": "self", "href": f"{base}/{stored.id}"}],
        **fields,
        "id": stored.id,
        **({"externalId": stored.external_id} if stored.external_id else {}),
        "lastModifiedDate": stored.changed_at,
        "refName": _name(stored),
    }


def collection(objects: list[Stored], limit: int, offset: int, base: str) -> JsonObject:
    page = objects[offset : offset + limit]
    return {
        "links": [{"rel": "self", "href": f"{base}?limit={limit}&offset={offset}"}],
        "count": len(page),
        "hasMore": offset + len(page) < len(objects),
        "items": [{"links": [{"rel": "self", "href": f"{base}/{each.id}"}], "id": each.id} for each in page],
        "offset": offset,
        "totalResults": len(objects),
    }


def answer(body: JsonObject, kind: str) -> web.Response:
    """`kind` is singular or collection."""
    response = web.Response(body=_EXACT.encode(body))
    response.headers["Content-Type"] = f"application/vnd.oracle.resource+json; type={kind}-resource"
    return response


def _told(record: Record, name: str, value: Any, simple_enums: bool) -> Any:
    published = record.fields[name]
    if not isinstance(value, list) or published.kind != "sublist":
        return _told_value(published, value, simple_enums)
    lines = record.sublists.get(name)
    if lines is None:
        return {"items": value}
    return {"items": [{key: _told_value(lines.fields[key], part, simple_enums) for key, part in line.items()} for line in value]}


def _told_value(published: Field, value: Any, simple_enums: bool) -> Any:
    if published.kind in ("double", "float") and isinstance(value, str):
        return Decimal(value)
    if published.kind == "ref":
        return {key: part for key, part in value.items() if key in ("id", "refName")} or value
    if published.kind == "enum" and value is not None and not simple_enums:
        return {"id": value, "refName": value}
    return value


def _name(stored: Stored) -> str:
    return str(stored.fields.get("companyName") or stored.fields.get("title") or stored.fields.get("name") or stored.id)
