"""A record as Salesforce tells it: every column, null where empty, numbers exact, computed columns computed."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from aiohttp import web

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.salesforce.objects import SObject

DATA = "/services/data/v62.0"

_EXACT = msgspec.json.Encoder(decimal_format="number")


def attributes(stored: Stored) -> JsonObject:
    return {"type": stored.record, "url": f"{DATA}/sobjects/{stored.record}/{stored.id}"}


def row(sobject: SObject, stored: Stored) -> JsonObject:
    return {"attributes": attributes(stored), **{name: column_value(sobject, stored, name) for name in sobject.fields}}


def column_value(sobject: SObject, stored: Stored, name: str) -> Any:
    """The value of one column; raises KeyError for a column the object does not have."""
    column = sobject.fields[name]
    told = {"Id": stored.id, "CreatedDate": stored.created_at, "LastModifiedDate": stored.changed_at, "SystemModstamp": stored.changed_at}
    if name in told:
        return told[name]
    if sobject.name == "Contract" and name == "EndDate":
        return _contract_end(stored.fields)
    if sobject.name == "Contract" and name == "ContractNumber":
        return f"{stored.serial:08d}"
    value = stored.fields.get(name, False if column.type == "boolean" else None)
    return Decimal(value) if column.type in ("currency", "double") and value is not None else value


def answer(body: object, status: int = 200) -> web.Response:
    return web.Response(body=_EXACT.encode(body), status=status, content_type="application/json")


def _contract_end(fields: JsonObject) -> str | None:
    """The last day of the term: start plus so many months, less a day."""
    if "StartDate" not in fields or "ContractTerm" not in fields:
        return None
    start = date.fromisoformat(fields["StartDate"])
    years, month = divmod(start.month - 1 + int(fields["ContractTerm"]), 12)
    year = start.year + years
    anniversary = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    return (anniversary - timedelta(days=1)).isoformat()
