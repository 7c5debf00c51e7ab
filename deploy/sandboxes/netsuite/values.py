"""Whether one value is of its published type, and how it is kept: amounts as decimal strings, references as ids."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.netsuite import errors
from deploy.sandboxes.netsuite.contract import Field

# What a double can hold on the vendor's side; a number beyond it is an attack or a mistake, not an amount.
_LARGEST_EXPONENT = 30

Resolve = Callable[[str, JsonObject], JsonObject | None]


def kept(field: Field, value: Any, path: str, resolve: Resolve) -> Any:
    """The value as it is stored. Raises NetSuiteError naming `path` when it is not of the field's type or refers to nothing.

    `resolve(record type, {"id" | "externalId"})` finds what a reference points at, None when it does not exist.
    """
    match field.kind:
        case "ref":
            return _reference(field, value, path, resolve)
        case "enum":
            return _enum(field, value, path)
        case "double" | "float":
            return _amount(value, path)
        case "collection" | "array":
            return value
        case kind:
            if not _IS[kind](value):
                raise errors.bad_value(path)
            return value


def _amount(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise errors.bad_value(path)
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount.adjusted()) > _LARGEST_EXPONENT:
        raise errors.bad_value(path)
    return format(amount, "f")


def _enum(field: Field, value: Any, path: str) -> str:
    text = value.get("id") if isinstance(value, dict) else value
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str) or not _allowed(field, text):
        raise errors.bad_value(path)
    return text


def _allowed(field: Field, text: str) -> bool:
    if "ISO2" in field.values:
        return re.fullmatch("[A-Z]{2}", text) is not None
    return text in field.values if field.values else bool(text)


def _reference(field: Field, value: Any, path: str, resolve: Resolve) -> JsonObject:
    asked = _asked(value, path)
    if not field.targets:
        return asked
    for target in field.targets:
        if (found := resolve(target, asked)) is not None:
            return found
    raise errors.bad_reference(field.name, str(asked.get("id", asked.get("externalId"))), path)


def _asked(value: Any, path: str) -> JsonObject:
    if isinstance(value, str | int) and not isinstance(value, bool):
        value = {"id": str(value)}
    if not isinstance(value, dict) or not value.keys() <= {"id", "externalId", "refName", "links"}:
        raise errors.bad_value(path)
    named = {key: str(value[key]) for key in ("id", "externalId") if value.get(key) not in (None, "")}
    if not named:
        raise errors.bad_value(path)
    return named


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None and _parses(date.fromisoformat, value)


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and "T" in value and _parses(datetime.fromisoformat, value)


def _parses(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


_IS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "int64": lambda value: isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63,
    "date": _is_date,
    "date-time": _is_moment,
}
