"""Turns a message into Avro bytes: one writer for each node of its schema, built once and called for every record.

Own code, because a general Avro writer has to find a union's branch by validating the value against each branch, records within records again
and again; messages have one kind of union, and their types are known. Bytes are those of the Avro 1.11 binary encoding.
"""

import datetime as dt
import json
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

Write = Callable[[Any, bytearray], None]

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
MICROSECOND = dt.timedelta(microseconds=1)
# An amount that does not fit its scale must fail, not be rounded.
EXACT = Context(prec=64, traps=[Inexact, InvalidOperation, Overflow])


def _varint(number: int) -> bytes:
    zigzag = number << 1 if number >= 0 else (-number << 1) - 1
    out = bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


SMALL = tuple(_varint(number) for number in range(2048))


def writer_of(schema: str) -> Write:
    """The writer of a self-contained schema (JSON). It appends to the buffer it is given, and raises ValueError, TypeError,
    AttributeError, KeyError or ArithmeticError on a value that the schema does not allow."""
    return _node(json.loads(schema), {})


def _node(node: Any, named: dict[str, Write]) -> Write:
    if isinstance(node, list):
        return _nullable(_node(node[1], named))
    if isinstance(node, str):
        return SCALARS.get(node) or named[node]
    kind = node["type"]
    if kind in ("record", "enum"):
        write = _record(node, named) if kind == "record" else _enum(node["symbols"])
        named[f"{node['namespace']}.{node['name']}"] = write
        return write
    if kind == "array":
        return _array(_node(node["items"], named))
    if kind == "map":
        return _map(_node(node["values"], named))
    return _logical(node) if "logicalType" in node else SCALARS[kind]


def _logical(node: dict[str, Any]) -> Write:
    if node["logicalType"] == "decimal":
        return _decimal(node["scale"], node["precision"])
    return {"timestamp-micros": _timestamp, "date": _date}[node["logicalType"]]


def _long(value: int, out: bytearray) -> None:
    out += SMALL[value] if 0 <= value < 2048 else _varint(value)


def _int(bits: int) -> Write:
    limit = 1 << (bits - 1)

    def write(value: int, out: bytearray) -> None:
        if not -limit <= value < limit:
            raise ValueError(f"{value} does not fit {bits} bits")
        out += SMALL[value] if 0 <= value < 2048 else _varint(value)

    return write


def _string(value: str, out: bytearray) -> None:
    data = value.encode()
    size = len(data)
    out += SMALL[size] if size < 2048 else _varint(size)
    out += data


def _bytes(value: bytes, out: bytearray) -> None:
    _long(len(value), out)
    out += value


def _boolean(value: bool, out: bytearray) -> None:
    out.append(1 if value else 0)


def _timestamp(value: dt.datetime, out: bytearray) -> None:
    out += _varint((value - EPOCH) // MICROSECOND)


def _date(value: dt.date, out: bytearray) -> None:
    out += _varint(value.toordinal() - EPOCH_DAY)


def _decimal(scale: int, precision: int) -> Write:
    limit = 10**precision

    def write(value: Decimal, out: bytearray) -> None:
        scaled = EXACT.scaleb(value, scale)
        unscaled = int(scaled)
        if unscaled != scaled or not -limit < unscaled < limit:
            raise ValueError(f"{value} has more than {scale} decimal places or {precision} digits")
        data = unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)
        out += SMALL[len(data)]
        out += data

    return write


def _enum(symbols: list[str]) -> Write:
    codes = {symbol: _varint(index) for index, symbol in enumerate(symbols)}

    def write(value: str, out: bytearray) -> None:
        out += codes[value]

    return write


def _nullable(write_value: Write) -> Write:
    def write(value: Any, out: bytearray) -> None:
        if value is None:
            out.append(0)
        else:
            out.append(2)
            write_value(value, out)

    return write


def _array(write_item: Write) -> Write:
    def write(value: tuple[Any, ...], out: bytearray) -> None:
        if value:
            _long(len(value), out)
            for item in value:
                write_item(item, out)
        out.append(0)

    return write


def _map(write_value: Write) -> Write:
    def write(value: dict[str, Any], out: bytearray) -> None:
        if value:
            _long(len(value), out)
            for key, item in value.items():
                _string(key, out)
                write_value(item, out)
        out.append(0)

    return write


def _record(node: dict[str, Any], named: dict[str, Write]) -> Write:
    fields = tuple((field["name"], _node(field["type"], named)) for field in node["fields"])

    def write(value: Any, out: bytearray) -> None:
        for name, write_field in fields:
            write_field(getattr(value, name), out)

    return write


SCALARS: dict[str, Write] = {"string": _string, "int": _int(32), "long": _int(64), "boolean": _boolean, "bytes": _bytes}
