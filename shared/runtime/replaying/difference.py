"""What differs between two JSON values, field by field. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """`path` such as `lines[0].amount`. `there` is the live value, `here` the one decided anew; None stands for a missing one too."""

    path: str
    there: Any
    here: Any


def fields(there: Any, here: Any, path: str = "") -> Iterator[Field]:
    """Every leaf that differs, in the order of the live value."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in [*there, *(name for name in here if name not in there)]:
            yield from fields(there.get(name), here.get(name), f"{path}.{name}" if path else str(name))
    elif isinstance(there, list) and isinstance(here, list):
        for i in range(max(len(there), len(here))):
            yield from fields(_at(there, i), _at(here, i), f"{path}[{i}]")
    elif there != here:
        yield Field(path, there, here)


def _at(values: list[Any], i: int) -> Any:
    return values[i] if i < len(values) else None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same. `what` is state, emit, effect or dead letter; `only` says where a thing without a counterpart is."""

    what: str
    key: str
    said: str
    only: str | None = None
    fields: tuple[Field, ...] = ()


def of_state(key: str, there: Any, here: Any) -> Difference | None:
    """None for the same content, however it is written."""
    if there is None or here is None:
        return Difference("state", key, "no live state" if there is None else "no state here", "here" if there is None else "there")
    found = tuple(fields(there, here))
    return Difference("state", key, f"{len(found)} fields differ", fields=found) if found else None


def of_emits(topic: str, key: str, there: list[Any], here: list[Any]) -> Iterator[Difference]:
    """Records of one key on one topic that have no counterpart; one on each side is taken for the same record, changed."""
    if len(there) == len(here) == 1:
        yield Difference("emit", key, topic, fields=tuple(fields(there[0], here[0])))
        return
    for only, bodies in (("there", there), ("here", here)):
        for body in bodies:
            yield Difference("emit", key, topic, only, tuple(fields({}, body) if only == "here" else fields(body, {})))
