"""Turns a message into Avro bytes: for each schema a Python function is written once, as dataclasses write theirs, and called for every record.

Own code, because a general Avro writer has to find a union's branch by validating the value against each branch, records within records again
and again; messages have one kind of union, and their types are known. Bytes are those of the Avro 1.11 binary encoding.
"""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

Write = Callable[[Any, bytearray], None]
Lines = list[str]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
MICROSECOND = dt.timedelta(microseconds=1)
# An amount that does not fit its scale must fail, not be rounded.
EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])


def varint(number: int) -> bytes:
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    if rest < 0x80:
        return bytes((rest,))
    if rest < 0x4000:
        return bytes((rest & 0x7F | 0x80, rest >> 7))
    if rest < 0x200000:
        return bytes((rest & 0x7F | 0x80, rest >> 7 & 0x7F | 0x80, rest >> 14))
    return bytes((rest & 0x7F | 0x80,)) + _further(rest >> 7)


def _further(rest: int) -> bytes:
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


SMALL = tuple(varint(number) for number in range(2048))
COUNT = "add(SMALL[n] if n < 2048 else varint(n))"


def writer_of(schema: str) -> Write:
    """The writer of a self-contained schema (JSON). It appends to the buffer it is given, and raises ValueError, TypeError,
    AttributeError, KeyError or ArithmeticError on a value that the schema does not allow."""
    source = _Source()
    body = ["parts = []", "add = parts.append", *source.fields(json.loads(schema), "message"), "out += b''.join(parts)"]
    exec("\n".join(("def write(message, out):", *within(body))), source.room)  # noqa: S102  nothing in it comes from outside
    write: Write = source.room["write"]
    return write


class _Source:
    """Statements that write. `room` is what they see; records stand in one another, as none holds itself."""

    def __init__(self) -> None:
        self.room: dict[str, Any] = {
            "SMALL": SMALL, "varint": varint, "decimal": decimal, "EPOCH": EPOCH, "EPOCH_DAY": EPOCH_DAY, "MICROSECOND": MICROSECOND
        }  # fmt: skip
        self.named: dict[str, dict[str, Any]] = {}
        self.names = 0

    def fields(self, record: dict[str, Any], value: str) -> Lines:
        return [line for field in record["fields"] for line in self.lines(field["type"], f"{value}.{_identifier(field['name'])}")]

    def lines(self, node: Any, value: str) -> Lines:
        """Statements that append `value`, an expression, to what `add` collects."""
        if isinstance(node, list):
            return self._nullable(node[1], value)
        if isinstance(node, str):
            return SCALARS[node](value) if node in SCALARS else self._named(self.named[node], value)
        kind = node["type"]
        if kind in ("record", "enum"):
            return self._named(node, value)
        if kind in ("array", "map"):
            return self._several(node["items"] if kind == "array" else node["values"], value, kind)
        return LOGICAL[node["logicalType"]](value, node) if "logicalType" in node else SCALARS[kind](value)

    def _named(self, node: dict[str, Any], value: str) -> Lines:
        self.named[f"{node['namespace']}.{node['name']}"] = node
        if node["type"] == "enum":
            name = f"{node['namespace'].replace('.', '_')}_{_identifier(node['name'])}"
            self.room[name] = {symbol: varint(index) for index, symbol in enumerate(node["symbols"])}
            return [f"add({name}[{value}])"]
        x = self._fresh()
        return [f"{x} = {value}", *self.fields(node, x)]

    def _fresh(self) -> str:
        self.names += 1
        return f"x{self.names}"

    def _nullable(self, node: Any, value: str) -> Lines:
        x = self._fresh()
        return [f"{x} = {value}", f"if {x} is None:", "    add(SMALL[0])", "else:", "    add(SMALL[1])", *within(self.lines(node, x))]

    def _several(self, node: Any, value: str, kind: str) -> Lines:
        them, key, x = self._fresh(), self._fresh(), self._fresh()
        loop = f"for {x} in {them}:" if kind == "array" else f"for {key}, {x} in {them}.items():"
        one = self.lines(node, x) if kind == "array" else [*_string(key), *self.lines(node, x)]
        return [f"{them} = {value}", f"if {them}:", f"    n = len({them})", f"    {COUNT}", f"    {loop}", *within(within(one)), "add(SMALL[0])"]


def within(lines: Lines) -> Lines:
    return [f"    {line}" for line in lines]


def _identifier(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name that Avro allows")
    return name


def _string(value: str) -> Lines:
    return [f"d = {value}.encode()", "n = len(d)", COUNT, "add(d)"]


def _bytes(value: str) -> Lines:
    return [f"d = {value}", "n = len(d)", COUNT, "add(d)"]


def _int(bits: int) -> Callable[[str], Lines]:
    limit = 1 << (bits - 1)
    check = f"if not -{limit} <= n < {limit}: raise ValueError(f'{{n}} does not fit {bits} bits')"
    return lambda value: [f"n = {value}", check, "add(SMALL[n] if 0 <= n < 2048 else varint(n))"]


def decimal(value: Decimal, scale: int, precision: int) -> bytes:
    scaled = EXACT.scaleb(value, scale)
    unscaled = int(scaled)
    if unscaled != scaled or not -(10**precision) < unscaled < 10**precision:
        raise ValueError(f"{value} has more than {scale} decimal places or {precision} digits")
    data = unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)
    return SMALL[len(data)] + data


SCALARS: dict[str, Callable[[str], Lines]] = {
    "string": _string,
    "bytes": _bytes,
    "int": _int(32),
    "long": _int(64),
    "boolean": lambda value: [f"add(b'\\x01' if {value} else b'\\x00')"],
}
LOGICAL: dict[str, Callable[[str, Any], Lines]] = {
    "decimal": lambda value, node: [f"add(decimal({value}, {node['scale']}, {node['precision']}))"],
    "timestamp-micros": lambda value, node: [f"add(varint(({value} - EPOCH) // MICROSECOND))"],
    "date": lambda value, node: [f"add(varint({value}.toordinal() - EPOCH_DAY))"],
}
