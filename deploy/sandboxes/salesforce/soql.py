"""As much SOQL as a read-back needs: SELECT columns FROM object WHERE column = value AND … LIMIT n."""

import re
from typing import Any

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.salesforce import errors
from deploy.sandboxes.salesforce.objects import SObject
from deploy.sandboxes.salesforce.org import Org
from deploy.sandboxes.salesforce.render import attributes, column_value

_QUERY = re.compile(
    r"\s*SELECT\s+(?P<columns>[\w.,\s]+?)\s+FROM\s+(?P<object>\w+)(?:\s+WHERE\s+(?P<where>.+?))?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(?P<column>[\w.]+)\s*=\s*(?:'(?P<text>(?:[^'\\]|\\.)*)'|(?P<bare>[\w.:+-]+))")


def run(org: Org, query: str) -> JsonObject:
    """The query result. Raises SalesforceError (MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD)."""
    matched = _QUERY.fullmatch(query)
    if matched is None:
        raise _malformed(query)
    sobject = _from(org, matched["object"])
    columns = [name.strip() for name in matched["columns"].split(",")]
    conditions = _conditions(matched["where"])
    found = [each for each in org.all(sobject) if _meets(org, sobject, each, conditions)]
    if matched["limit"]:
        found = found[: int(matched["limit"])]
    rows = [_row(org, sobject, each, columns) for each in found]
    if not rows:
        _known_columns(org, sobject, columns)
    return {"totalSize": len(rows), "done": True, "records": rows}


def _from(org: Org, name: str) -> SObject:
    try:
        return org.sobject(name)
    except errors.SalesforceError:
        raise errors.SalesforceError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.") from None


def _conditions(where: str | None) -> list[tuple[str, str]]:
    conditions = []
    for part in re.split(r"\s+AND\s+", where, flags=re.IGNORECASE) if where else ():
        matched = _CONDITION.fullmatch(part.strip())
        if matched is None:
            raise _malformed(part)
        text = matched["bare"] if matched["text"] is None else re.sub(r"\\(.)", r"\1", matched["text"])
        conditions.append((matched["column"], text))
    return conditions


def _meets(org: Org, sobject: SObject, stored: Stored, conditions: list[tuple[str, str]]) -> bool:
    return all(_same(_value(org, sobject, stored, column), text) for column, text in conditions)


def _same(held: Any, asked: str) -> bool:
    if isinstance(held, bool):
        return asked.lower() == str(held).lower()
    return asked.lower() == "null" if held is None else str(held) == asked


def _row(org: Org, sobject: SObject, stored: Stored, columns: list[str]) -> JsonObject:
    row: JsonObject = {"attributes": attributes(stored)}
    for column in columns:
        value = _value(org, sobject, stored, column)
        if "." in column:
            relation, name = column.split(".", 1)
            row.setdefault(relation, {})[name] = value
        else:
            row[column] = value
    return row


def _value(org: Org, sobject: SObject, stored: Stored, column: str) -> Any:
    """The value of a column, or of a column one relationship away (pse__Project__r.Name)."""
    if "." not in column:
        if column not in sobject.fields:
            raise _no_column(column, sobject)
        return column_value(sobject, stored, column)
    relation, name = column.split(".", 1)
    target = _related(org, sobject, relation, name)
    pointed = org.pointed_at(sobject.by_relationship[relation], stored.fields.get(sobject.by_relationship[relation].name, ""))
    return None if pointed is None else column_value(target, pointed, name)


def _known_columns(org: Org, sobject: SObject, columns: list[str]) -> None:
    for column in columns:
        if "." in column:
            _related(org, sobject, *column.split(".", 1))
        elif column not in sobject.fields:
            raise _no_column(column, sobject)


def _related(org: Org, sobject: SObject, relation: str, name: str) -> SObject:
    reference = sobject.by_relationship.get(relation)
    if reference is None or reference.references is None:
        message = f"Didn't understand relationship '{relation}' in field path."
        raise errors.SalesforceError(400, "INVALID_FIELD", message)
    target = _from(org, reference.references)
    if name not in target.fields:
        raise _no_column(name, target)
    return target


def _no_column(column: str, sobject: SObject) -> errors.SalesforceError:
    return errors.SalesforceError(400, "INVALID_FIELD", f"No such column '{column}' on entity '{sobject.name}'.")


def _malformed(text: str) -> errors.SalesforceError:
    return errors.SalesforceError(400, "MALFORMED_QUERY", f"unexpected token or clause not offered here: '{text[:200]}'")
