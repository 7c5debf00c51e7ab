"""Turns Avro bytes into a message: for each schema a Python function is written once, as `encoder` does, and called for every record.

Used where the writer's schema is the reader's own, which is nearly always; fastavro reads the rest. What it may cost is bounded before it is
called (`limits`). A length that leads past the end is found where the next byte is missing, or by the caller, who is told where the value ended.
"""

import datetime as dt
import json
import typing
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

import msgspec

from shared.wire.encoder import EPOCH, EPOCH_DAY, Lines, within
from shared.wire.limits import MAX_DECIMAL_BYTES, Undecodable

Read = Callable[[bytes, int], tuple[Any, int]]
WIDE = Context(prec=80)
NUMBER = ("n = v[at]; at += 1", "if n > 127: n, at = more(v, at, n)")
SIGNED = "(n >> 1) ^ -(n & 1)"
LENGTH = (*NUMBER, "if n & 1: raise ValueError('a length below nought')", "to = at + (n >> 1)")
BLOCK = (*NUMBER, f"n = {SIGNED}", "if n < 0:", "    count = -n", *(f"    {line}" for line in NUMBER), "else: count = n")


def more(v: bytes, at: int, first: int) -> tuple[int, int]:
    """The rest of a number whose first byte says that it goes on."""
    second = v[at]
    if second < 0x80:
        return first & 0x7F | second << 7, at + 1
    third = v[at + 1]
    if third < 0x80:
        return first & 0x7F | (second & 0x7F) << 7 | third << 14, at + 2
    return _long(v, at + 2, first & 0x7F | (second & 0x7F) << 7 | (third & 0x7F) << 14)


def _long(v: bytes, at: int, number: int) -> tuple[int, int]:
    """Avro's numbers have 64 bits, so ten bytes at the most."""
    for shift in range(21, 70, 7):
        byte = v[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number >> 64:
                raise ValueError("a number of more than 64 bits")
            return number, at
    raise ValueError("a number of more than ten bytes")


def amount(data: bytes, scale: int) -> Decimal:
    """Raises Undecodable for more bytes than an amount may have: turning them into digits is quadratic in their number."""
    if len(data) > MAX_DECIMAL_BYTES:
        raise Undecodable("decimal-too-long", f"an amount of {len(data)} bytes, the limit is {MAX_DECIMAL_BYTES}")
    return Decimal(int.from_bytes(data, "big", signed=True)).scaleb(-scale, WIDE)


def moment(micros: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=micros)


def day(days: int) -> dt.date:
    return dt.date.fromordinal(days + EPOCH_DAY)


def truth(byte: int) -> bool:
    if byte > 1:
        raise ValueError(f"byte {byte} is neither true nor false")
    return byte == 1


def member(members: tuple[Any, ...], place: int) -> Any:
    if not 0 <= place < len(members):
        raise ValueError(f"{place} is no symbol's place")
    return members[place]


def reader_of(schema: str, kind: type[msgspec.Struct]) -> Read:
    """Reads a `kind` from where the second argument says; answers it and where it ended, which may lie past the end of a value that was cut off.

    `schema` is the kind's own (JSON). Raises IndexError for a value that ends too early, ValueError, TypeError, ArithmeticError or
    Undecodable for one that does not follow the schema.
    """
    source = _Source()
    body = source.lines(json.loads(schema), kind, "message")
    exec("\n".join(("def read(v, at):", *within(body), "    return message, at")), source.room)  # noqa: S102  names are those of a message's fields
    read: Read = source.room["read"]
    return read


class _Source:
    """Statements that read. `room` is what they see; records stand in one another, as none holds itself."""

    def __init__(self) -> None:
        self.room: dict[str, Any] = {each.__name__: each for each in (more, amount, moment, day, truth, member)}
        self.named: dict[str, dict[str, Any]] = {}
        self.names = 0

    def lines(self, node: Any, kind: Any, into: str) -> Lines:
        """Statements that read a node at `at` into a variable, and leave `at` behind it."""
        if isinstance(node, list):
            (wanted,) = (each for each in typing.get_args(kind) if each is not type(None))
            inner = self.lines(node[1], wanted, into)
            return [*NUMBER, f"if n == 0: {into} = None", "elif n == 2:", *within(inner), "else: raise ValueError('no branch of a union')"]
        if isinstance(node, str):
            return self.lines(self.named[node], kind, into) if node in self.named else [line.format(into=into) for line in SCALARS[node]]
        if node["type"] in ("record", "enum"):
            return self._named(node, kind, into)
        if node["type"] in ("array", "map"):
            return self._several(node, kind, into)
        if "logicalType" in node:
            return [line.format(into=into, scale=node.get("scale", 0)) for line in LOGICAL[node["logicalType"]]]
        return [line.format(into=into) for line in SCALARS[node["type"]]]

    def _named(self, node: dict[str, Any], kind: Any, into: str) -> Lines:
        self.named[f"{node['namespace']}.{node['name']}"] = node
        self.room[kind.__name__] = kind
        if node["type"] == "enum":
            members = f"{kind.__name__}_members"
            self.room[members] = tuple(kind(symbol) for symbol in node["symbols"])
            return [*NUMBER, f"{into} = member({members}, {SIGNED})"]
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
        places = {field["name"]: self._fresh() for field in node["fields"]}
        body = [line for field in node["fields"] for line in self.lines(field["type"], types[field["name"]], places[field["name"]])]
        return [*body, f"{into} = {kind.__name__}({', '.join(f'{name}={place}' for name, place in places.items())})"]

    def _several(self, node: dict[str, Any], kind: Any, into: str) -> Lines:
        them, key, x = self._fresh(), self._fresh(), self._fresh()
        if node["type"] == "array":
            one = [*self.lines(node["items"], typing.get_args(kind)[0], x), f"{them}.append({x})"]
            start, end = f"{them} = []", f"{into} = tuple({them})"
        else:
            text = [line.format(into=key) for line in SCALARS["string"]]
            one = [*text, *self.lines(node["values"], typing.get_args(kind)[1], x), f"{them}[{key}] = {x}"]
            start, end = f"{them} = {{}}", f"{into} = {them}"
        loop = ["while True:", *within([*BLOCK, "if count == 0: break", "for _ in range(count):", *within(one)])]
        return [start, *loop, end]

    def _fresh(self) -> str:
        self.names += 1
        return f"x{self.names}"


SCALARS: dict[str, tuple[str, ...]] = {
    "string": (*LENGTH, "{into} = v[at:to].decode(); at = to"),
    "bytes": (*LENGTH, "{into} = v[at:to]; at = to"),
    "int": (*NUMBER, f"{{into}} = {SIGNED}"),
    "long": (*NUMBER, f"{{into}} = {SIGNED}"),
    "boolean": ("{into} = truth(v[at]); at += 1",),
}
LOGICAL: dict[str, tuple[str, ...]] = {
    "decimal": (*LENGTH, "{into} = amount(v[at:to], {scale}); at = to"),
    "timestamp-micros": (*NUMBER, f"{{into}} = moment({SIGNED})"),
    "date": (*NUMBER, f"{{into}} = day({SIGNED})"),
}
