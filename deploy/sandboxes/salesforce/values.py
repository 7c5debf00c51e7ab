"""Whether one value fits its column, and how it is kept: amounts as decimal strings, references as ids."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from deploy.sandboxes.salesforce import errors
from deploy.sandboxes.salesforce.objects import Field

_TEXTS = ("string", "textarea", "phone", "url", "picklist", "email")


def kept(field: Field, value: Any) -> Any:
    """Raises SalesforceError when the value is not of the column's type, too long, out of range or not in its list."""
    if field.type in _TEXTS:
        return _text(field, value)
    if field.type in ("currency", "double"):
        return _number(field, value)
    if field.type == "int":
        return _whole(field, value)
    if field.type == "boolean":
        return _of(bool, "boolean", value)
    return _moment(field, value)


def _text(field: Field, value: Any) -> str:
    text: str = _of(str, "string", value)
    if field.length is not None and len(text) > field.length:
        raise errors.too_long(field.label, field.name, text, field.length)
    if field.restricted and text not in field.values:
        raise errors.bad_picklist_value(field.label, field.name, text)
    return text


def _number(field: Field, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise errors.not_of_type("double", value)
    number = Decimal(value)
    whole_digits = (field.precision or 18) - field.scale
    if not number.is_finite() or number.adjusted() >= whole_digits or number.adjusted() < -whole_digits:
        raise errors.out_of_range(field.label, field.name, str(value))
    return format(number, "f")


def _whole(field: Field, value: Any) -> int:
    number: int = _of(int, "int", value)
    if abs(number) >= 10 ** (field.digits or 9):
        raise errors.out_of_range(field.label, field.name, str(number))
    return number


def _moment(field: Field, value: Any) -> str:
    text: str = _of(str, field.type, value)
    try:
        datetime.fromisoformat(text) if field.type == "datetime" else date.fromisoformat(text)
    except ValueError:
        raise errors.not_of_type(field.type, value) from None
    return text


def _of(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise errors.not_of_type(name, value)
    return value
