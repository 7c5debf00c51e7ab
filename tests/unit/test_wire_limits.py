"""The bad-input corpus: values made to crash, stall or exhaust a decoder, each refused with its code before it can."""

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.messages.source import SourceMapping
from shared.messages.workflow import KpiWindow
from shared.wire import census
from shared.wire.codec import Codec
from shared.wire.limits import MAX_BYTES, MAX_ITEMS, Undecodable
from shared.wire.shape import shape_of
from tests.unit.test_wire_codec import MAPPING, TOPIC, WINDOW, Schemas

VENDOR_SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "data" / "avro" / "schemas"
FULL_NAME = {"name": "SourceMapping", "namespace": "throughline.source"}


def record(*fields: dict[str, Any]) -> dict[str, Any]:
    """The mapping's schema with other fields before its own: what a later release of its producer may send."""
    return {"type": "record", **FULL_NAME, "fields": [*fields, *json.loads(SourceMapping.avro_schema)["fields"]]}


def field(name: str, type_: Any) -> dict[str, Any]:
    return {"name": name, "type": type_}


def varint(number: int) -> bytes:
    zigzag, out = number << 1 if number >= 0 else (-number << 1) - 1, bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    return bytes([*out, zigzag])


def code_of(schema: Any, content: bytes) -> str:
    schemas = Schemas()
    schema_id = schemas.add(schema if isinstance(schema, str) else json.dumps(schema))
    with pytest.raises(Undecodable) as refusal:
        Codec(schemas).decode(b"\x00" + schema_id.to_bytes(4, "big") + content, SourceMapping)
    assert refusal.value.message
    return refusal.value.code


def test_a_recursive_schema_is_refused_whatever_the_value() -> None:
    """Ten kilobytes of "one more level" end a native decoder's stack, and the process with it."""
    nested = record(field("next", ["null", "throughline.source.SourceMapping"]))
    assert code_of(nested, b"\x02" * 10_000) == "recursive-schema"


def test_recursion_through_other_types_is_found() -> None:
    inner = {"type": "record", "name": "Inner", "fields": [field("back", {"type": "array", "items": "throughline.source.SourceMapping"})]}
    assert code_of(record(field("inner", {"type": "map", "values": inner})), b"\x00") == "recursive-schema"


def test_a_schema_nested_too_deeply_is_refused() -> None:
    deep: Any = "int"
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    assert code_of(record(field("deep", deep)), b"\x00") == "recursive-schema"
    assert code_of('{"type":"array","items":' * 20_000 + '"int"' + "}" * 20_000, b"\x00") == "recursive-schema"


def test_items_without_bytes_are_refused() -> None:
    """Five bytes announce twenty million nulls."""
    assert code_of(record(field("bomb", {"type": "array", "items": "null"})), varint(20_000_000) + b"\x00") == "array-too-long"
    empty = {"type": "record", "name": "Empty", "fields": []}
    assert code_of(record(field("bomb", {"type": "array", "items": empty})), varint(20_000_000) + b"\x00") == "array-too-long"


def test_a_schema_that_doubles_at_each_level_is_refused() -> None:
    """Sixteen short types, each holding the next one twice: more than sixty thousand values in no byte at all."""
    inner: Any = "null"
    for level in range(16):
        inner = {"type": "record", "name": f"L{level}", "fields": [field("a", inner), field("b", f"L{level - 1}" if level else "null")]}
    assert code_of(record(field("tree", inner)), b"") == "too-large"


def test_an_announced_length_costs_nothing() -> None:
    for announced in (10**6, 2**40, 2**62, -(2**62)):
        for kind in ("bytes", "string"):
            assert code_of(record(field("long", kind)), varint(announced)) in ("truncated", "schema-mismatch")
        numbers = {"type": "array", "items": "long"}
        assert code_of(record(field("many", numbers)), varint(announced)) in ("truncated", "schema-mismatch", "array-too-long")
        words = {"type": "map", "values": "long"}
        assert code_of(record(field("many", words)), varint(announced)) in ("truncated", "schema-mismatch", "array-too-long")


def test_an_array_of_too_many_items_is_refused_before_it_is_built() -> None:
    flags = record(field("many", {"type": "array", "items": "boolean"}))
    assert code_of(flags, varint(300_000) + b"\x00" * 300_001) == "array-too-long"
    in_blocks = (varint(MAX_ITEMS // 2) + b"\x00" * (MAX_ITEMS // 2)) * 12 + b"\x00"
    assert code_of(flags, in_blocks) == "array-too-long"


def test_many_arrays_of_few_items_are_counted_together() -> None:
    rows = record(field("rows", {"type": "array", "items": {"type": "array", "items": "boolean"}}))
    row = varint(100) + b"\x00" * 101
    assert code_of(rows, varint(9_000) + row * 9_000 + b"\x00") == "array-too-long"


def test_an_amount_of_300_kilobytes_is_refused_before_it_is_turned_into_digits() -> None:
    schemas = Schemas()
    schemas.add(KpiWindow.avro_schema)
    codec = Codec(schemas)
    without_value = codec.encode(WINDOW, "kpi.window.v1")[:-1]
    with pytest.raises(Undecodable) as refusal:
        codec.decode(without_value + varint(1) + varint(300_000) + b"\x7f" * 300_000 + b"\x06EUR\x00", KpiWindow)
    assert refusal.value.code == "decimal-too-long"
    fixed = {"type": "fixed", "name": "Amount", "size": 300_000, "logicalType": "decimal", "precision": 38, "scale": 4}
    assert code_of(record(field("amount", fixed)), b"\x7f" * 300_000) == "decimal-too-long"


def test_a_value_above_the_size_limit_is_refused_unseen() -> None:
    with pytest.raises(Undecodable) as refusal:
        Codec(Schemas()).decode(bytes(MAX_BYTES + 1), SourceMapping)
    assert refusal.value.code == "too-large"


@pytest.mark.parametrize(
    ("value", "code"), [(b"", "truncated"), (b"\x00\x00", "truncated"), (b"{}", "bad-magic"), (b"\x00\x00\x00\x00\x09x", "unknown-schema-id")]
)
def test_a_frame_that_is_none_is_refused(value: bytes, code: str) -> None:
    with pytest.raises(Undecodable) as refusal:
        Codec(Schemas()).decode(value, SourceMapping)
    assert refusal.value.code == code


def test_a_value_of_another_type_is_told_apart() -> None:
    other = {"type": "record", "name": "Invoice", "namespace": "elsewhere", "fields": []}
    assert code_of(other, b"") == "wrong-type"
    assert code_of('"string"', b"\x02a") == "wrong-type"


@pytest.mark.parametrize("text", ["", "{", '{"type": "record"}', '"nonsense"', "[]", "null", '{"type": "array"}', '{"type": {"type": "record"}}'])
def test_a_registered_text_that_is_no_schema_is_refused(text: str) -> None:
    assert code_of(text, b"x") in ("schema-mismatch", "wrong-type")


@functools.cache
def encoded() -> tuple[Codec, bytes]:
    schemas = Schemas()
    schemas.add(SourceMapping.avro_schema)
    codec = Codec(schemas)
    return codec, codec.encode(MAPPING, TOPIC)


def test_every_cut_of_a_good_value_is_refused() -> None:
    codec, value = encoded()
    for length in range(len(value)):
        with pytest.raises(Undecodable) as refusal:
            codec.decode(value[:length], SourceMapping)
        assert refusal.value.code in ("truncated", "schema-mismatch")


def test_bytes_after_the_value_are_refused() -> None:
    codec, value = encoded()
    with pytest.raises(Undecodable, match="1 bytes are left") as refusal:
        codec.decode(value + b"\x00", SourceMapping)
    assert refusal.value.code == "schema-mismatch"


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_a_damaged_value_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    codec, value = encoded()
    damaged = bytearray(value)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(5, len(value) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Undecodable):
        assert isinstance(codec.decode(bytes(damaged), SourceMapping), SourceMapping)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_counting_a_value_agrees_with_reading_it(content: bytes) -> None:
    codec, value = encoded()
    framed = value[:5] + content
    try:
        census.check(shape_of(SourceMapping.avro_schema), framed)
    except Undecodable:
        with pytest.raises(Undecodable):
            codec.decode(framed, SourceMapping)


def test_schemas_of_other_makers_are_examined() -> None:
    for path in sorted(VENDOR_SCHEMAS.glob("*.avsc")):
        text = path.read_text()
        if path.name == "interop.avsc":
            with pytest.raises(Undecodable, match="recurses"):
                shape_of(text)
        elif path.name != "reserved.avsc":
            assert shape_of(text).values > 0
