"""The same content in another type: from a message of the wire to a type of the domain, and back."""

from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

import msgspec

T = TypeVar("T")
KEPT = (datetime, date, Decimal, bytes)  # these are the same in every type, and turning them into text and back would cost


def reshape(source: object, into: type[T]) -> T:
    """`source` as `into`, matched by field name. Raises msgspec.ValidationError naming the field that does not fit."""
    return msgspec.convert(msgspec.to_builtins(source, builtin_types=KEPT), into)
