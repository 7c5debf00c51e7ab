"""The collection filter ?q=: conditions joined by AND over text fields, as much of it as a read-back needs."""

import re
from collections.abc import Callable

from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.netsuite import errors
from deploy.sandboxes.netsuite.contract import Record

_CONDITION = re.compile(r'(?P<field>\w+)\s+(?P<operator>IS|EQUAL|CONTAIN|START_WITH)\s+(?:"(?P<text>[^"]*)"|(?P<bare>[\w.:-]+))', re.IGNORECASE)

_TESTS: dict[str, Callable[[str, str], bool]] = {
    "IS": lambda held, asked: held.lower() == asked.lower(),
    "EQUAL": lambda held, asked: held == asked,
    "CONTAIN": lambda held, asked: asked.lower() in held.lower(),
    "START_WITH": lambda held, asked: held.lower().startswith(asked.lower()),
}


def filtered(record: Record, objects: list[Stored], query: str | None) -> list[Stored]:
    """The objects that meet every condition. Raises NetSuiteError for a field or a syntax that is not offered."""
    if not query:
        return objects
    conditions = [_condition(record, part) for part in re.split(r"\s+AND\s+", query.strip(), flags=re.IGNORECASE)]
    return [each for each in objects if all(_TESTS[operator](_held(each, field), asked) for field, operator, asked in conditions)]


def page_bounds(limit: str, offset: str) -> tuple[int, int]:
    """(limit, offset): at most 1000 a page, and pages begin at multiples of the limit."""
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise errors.bad_query("limit", "The limit is a whole number from 1 to 1000.")
    if not offset.isdigit() or int(offset) % int(limit):
        raise errors.bad_query("offset", "The offset is a whole number divisible by the limit.")
    return int(limit), int(offset)


def _condition(record: Record, text: str) -> tuple[str, str, str]:
    matched = _CONDITION.fullmatch(text.strip())
    if matched is None:
        raise errors.bad_query("q", f"Invalid search query. Condition '{text}' cannot be read; write FIELD IS \"VALUE\".")
    if matched["field"] not in record.fields:
        raise errors.bad_query("q", f"Invalid search query. Field '{matched['field']}' was not found in record '{record.name}'.")
    return matched["field"], matched["operator"].upper(), matched["text"] if matched["text"] is not None else matched["bare"]


def _held(stored: Stored, field: str) -> str:
    if field == "id":
        return stored.id
    if field == "externalId":
        return stored.external_id or ""
    value = stored.fields.get(field)
    return str(value["id"] if isinstance(value, dict) and "id" in value else "" if value is None else value)
