"""What others say, made fit to be kept: PostgreSQL takes no NUL in a text, and a lone surrogate has no UTF-8."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


def storable(said: T) -> T:
    """`said`, with the replacement character for what cannot be kept, in every text that it holds."""
    return _storable(said)  # type: ignore[no-any-return]


def _storable(said: Any) -> Any:
    if isinstance(said, str):
        return _UNKEPT.sub("\ufffd", said)
    if isinstance(said, Mapping):
        return {_storable(name): _storable(each) for name, each in said.items()}
    if is_dataclass(said) and not isinstance(said, type):
        return replace(said, **{each.name: _storable(getattr(said, each.name)) for each in fields(said)})
    return said
