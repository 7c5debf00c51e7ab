"""Messages survive the wire, in the bytes that any Avro library writes and reads."""

import datetime as dt
import gc
import io
import json
import sys
import typing
from decimal import Decimal
from enum import StrEnum
from types import UnionType
from typing import Any

import fastavro
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.messages import BY_TOPIC
from shared.messages.base import Message
from shared.messages.common import Money
from shared.messages.source import MappingKind, SourceMapping
from shared.messages.workflow import KpiWindow, Stage
from shared.wire.codec import UNKNOWN_FOR, Codec, NotPublished, Unencodable
from shared.wire.limits import Undecodable
from shared.wire.registry import RegistryAway, Unknown

NATIVE = (dt.datetime, dt.date, Decimal, bytes)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=20),
    int: st.integers(-(2**31), 2**31 - 1),
    bool: st.booleans(),
    Decimal: st.decimals(-(10**19), 10**19, places=4, allow_nan=False),
    dt.datetime: st.datetimes(timezones=st.just(dt.UTC)),
    dt.date: st.dates(),
    type(None): st.none(),
}
MAPPING = SourceMapping(
    event_id="e-1",
    occurred_at=dt.datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=dt.UTC),
    source="stewards.csv",
    key="legal_entity:BU-17@netsuite-emea",
    kind=MappingKind.LEGAL_ENTITY,
    effective_from=dt.date(2026, 1, 1),
    values={"code": "17", "name": "Über GmbH"},
    actor="kim",
    reason="opened in January",
)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
WINDOW = KpiWindow(
    event_id="e-2",
    occurred_at=NOON,
    window_start=NOON,
    window_end=NOON,
    business_unit="*",
    stage=next(iter(Stage)),
    contracts=1,
)
TOPIC = "source.reference.mapping.v1"


class Schemas:
    """A registry in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.asked = 0
        self.away = False

    def add(self, text: str) -> int:
        self.texts[len(self.texts) + 1] = text
        return len(self.texts)

    def schema(self, schema_id: int) -> str:
        self._ask()
        if schema_id not in self.texts:
            raise Unknown("Schema not found")
        return self.texts[schema_id]

    def id_of(self, subject: str, schema: str) -> int:
        self._ask()
        for schema_id, text in self.texts.items():
            if text == schema:
                return schema_id
        raise Unknown(f"Subject '{subject}' not found.")

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise RegistryAway("no answer")


def strategy_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a message's field, whatever its type."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin in (typing.Union, UnionType):
        return st.one_of([strategy_of(branch) for branch in inner])
    if origin is tuple:
        return st.lists(strategy_of(inner[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(strategy_of(inner[0]), strategy_of(inner[1]), max_size=3)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{field: strategy_of(hints[field]) for field in hint.__struct_fields__})


def any_message() -> st.SearchStrategy[tuple[str, Message]]:
    return st.one_of([st.tuples(st.just(topic), strategy_of(kind)) for topic, kind in BY_TOPIC.items()])


@pytest.fixture
def schemas() -> Schemas:
    return Schemas()


@pytest.fixture
def codec(schemas: Schemas) -> Codec:
    return Codec(schemas)


SCHEMAS = Schemas()
CODEC = Codec(SCHEMAS)
for kind in BY_TOPIC.values():
    SCHEMAS.add(kind.avro_schema)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_message())
def test_every_message_comes_back_as_it_was(pair: tuple[str, Message]) -> None:
    topic, message = pair
    assert CODEC.decode(CODEC.encode(message, topic), type(message)) == message


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_message())
def test_the_bytes_are_those_of_a_general_avro_library(pair: tuple[str, Message]) -> None:
    topic, message = pair
    theirs = io.BytesIO()
    schema = fastavro.parse_schema(json.loads(message.avro_schema))
    fastavro.schemaless_writer(theirs, schema, msgspec.to_builtins(message, builtin_types=NATIVE))
    assert CODEC.encode(message, topic)[5:] == theirs.getvalue()


def spoiled(value: bytes, at: float, byte: int, cut: bool) -> bytes:
    """A byte of the content is another one, or the rest is gone."""
    place = 5 + int(at * (len(value) - 5))
    return value[:place] if cut else value[:place] + bytes((byte,)) + value[place + 1 :]


def read_by_a_general_library(value: bytes, kind: type[Message]) -> Message:
    stream = io.BytesIO(value[5:])
    content = fastavro.schemaless_reader(stream, fastavro.parse_schema(json.loads(kind.avro_schema)), None)
    assert stream.tell() == len(value) - 5
    return msgspec.convert(content, kind)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(any_message(), st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.booleans())
def test_of_spoiled_bytes_nothing_is_read_that_a_general_avro_library_would_not_read_alike(
    pair: tuple[str, Message], at: float, byte: int, cut: bool
) -> None:
    topic, message = pair
    value = spoiled(CODEC.encode(message, topic), at, byte, cut)
    try:
        read = CODEC.decode(value, type(message))
    except Undecodable:
        return
    assert read == read_by_a_general_library(value, type(message))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "truncated"),
        (b"\x06ab", "truncated"),
        (b"\x05abc", "schema-mismatch"),  # a length of -3
        (b"\xff" * 11, "schema-mismatch"),
        (b"\xfe" + b"\xff" * 8 + b"\x7f", "schema-mismatch"),  # ten bytes that hold more than 64 bits
        (b"\x04\xff\xfe", "schema-mismatch"),  # no UTF-8
    ],
)
def test_lengths_and_texts_that_lie_are_refused(schemas: Schemas, codec: Codec, content: bytes, code: str) -> None:
    schemas.add(SourceMapping.avro_schema)
    with pytest.raises(Undecodable) as refusal:
        codec.decode(b"\x00\x00\x00\x00\x01" + content, SourceMapping)
    assert refusal.value.code == code


def test_blocks_that_state_their_size_are_read(schemas: Schemas, codec: Codec) -> None:
    """Avro lets a writer give a block of a map as a count below nought and its size in bytes."""
    schemas.add(SourceMapping.avro_schema)
    value = codec.encode(msgspec.structs.replace(MAPPING, values={"a": "b"}), TOPIC)
    assert value.count(b"\x02\x02a\x02b\x00") == 1
    assert codec.decode(value.replace(b"\x02\x02a\x02b\x00", b"\x01\x08\x02a\x02b\x00"), SourceMapping).values == {"a": "b"}


def test_a_value_is_framed_with_its_schema_id(schemas: Schemas, codec: Codec) -> None:
    schemas.add('"string"')
    schemas.add(SourceMapping.avro_schema)
    assert codec.encode(MAPPING, TOPIC)[:5] == b"\x00\x00\x00\x00\x02"


def test_the_registry_is_asked_once_for_each_schema(schemas: Schemas, codec: Codec) -> None:
    schemas.add(SourceMapping.avro_schema)
    for _ in range(3):
        codec.decode(codec.encode(MAPPING, TOPIC), SourceMapping)
    assert schemas.asked == 2


def test_no_value_is_kept_for_its_unknown_id(schemas: Schemas) -> None:
    """A refusal that was kept as it was raised kept every record of the batch with it."""
    codec = Codec(schemas)
    values = [b"\x00" + schema_id.to_bytes(4, "big") + b"rest" for schema_id in range(100, 110)]
    before = [sys.getrefcount(value) for value in values]
    for value in values:
        with pytest.raises(Undecodable):
            codec.decode(value, SourceMapping)
    gc.collect()
    assert [sys.getrefcount(each) for each in values][:-1] == before[:-1]  # the last is the loop's own


def test_a_message_that_no_reader_would_take_is_not_encoded(schemas: Schemas) -> None:
    schemas.add(SourceMapping.avro_schema)
    codec = Codec(schemas, max_bytes=1000)
    with pytest.raises(Unencodable, match="no reader takes more than 1000"):
        codec.encode(msgspec.structs.replace(MAPPING, reason="x" * 1000), TOPIC)


def test_an_unknown_id_is_asked_for_again_only_after_a_while(schemas: Schemas) -> None:
    now = [100.0]
    codec = Codec(schemas, now=lambda: now[0])
    for _ in range(3):
        with pytest.raises(Undecodable) as refusal:
            codec.decode(b"\x00\x00\x00\x00\x01x", SourceMapping)
        assert refusal.value.code == "unknown-schema-id"
    assert schemas.asked == 1
    schemas.add(SourceMapping.avro_schema)
    now[0] += UNKNOWN_FOR
    assert codec.decode(codec.encode(MAPPING, TOPIC), SourceMapping) == MAPPING


def test_a_registry_that_is_away_says_nothing_about_the_value(schemas: Schemas, codec: Codec) -> None:
    schemas.add(SourceMapping.avro_schema)
    schemas.away = True
    with pytest.raises(RegistryAway):
        codec.decode(b"\x00\x00\x00\x00\x01x", SourceMapping)
    schemas.away = False
    assert codec.decode(codec.encode(MAPPING, TOPIC), SourceMapping) == MAPPING


def test_producers_never_register(codec: Codec) -> None:
    with pytest.raises(NotPublished, match="schemas publish"):
        codec.encode(MAPPING, TOPIC)


@pytest.mark.parametrize("amount", [Decimal("0.00001"), Decimal(10) ** 21, Decimal("NaN"), Decimal("Infinity")])
def test_an_amount_that_does_not_fit_is_refused_not_rounded(schemas: Schemas, codec: Codec, amount: Decimal) -> None:
    schemas.add(KpiWindow.avro_schema)
    window = msgspec.structs.replace(WINDOW, value=(Money(amount=amount, currency="EUR"),))
    with pytest.raises(Unencodable, match=r"KpiWindow for kpi\.window\.v1 does not fit its schema"):
        codec.encode(window, "kpi.window.v1")


def test_a_time_without_zone_is_refused(schemas: Schemas, codec: Codec) -> None:
    schemas.add(SourceMapping.avro_schema)
    with pytest.raises(Unencodable):
        codec.encode(msgspec.structs.replace(MAPPING, occurred_at=dt.datetime(2026, 1, 1)), TOPIC)


def older_and_newer() -> tuple[dict[str, Any], dict[str, Any]]:
    """The mapping's schema without one optional field, and with one that we do not know."""
    older, newer = json.loads(SourceMapping.avro_schema), json.loads(SourceMapping.avro_schema)
    older["fields"] = [field for field in older["fields"] if field["name"] != "effective_to"]
    newer["fields"].insert(0, {"name": "ticket", "type": ["null", "string"], "default": None})
    return older, newer


def test_values_of_earlier_and_later_releases_are_read(schemas: Schemas, codec: Codec) -> None:
    content = msgspec.to_builtins(MAPPING, builtin_types=NATIVE) | {"ticket": "T-1"}
    for schema in older_and_newer():
        out = io.BytesIO()
        schema_id = schemas.add(json.dumps(schema))
        fastavro.schemaless_writer(out, schema, content)
        assert codec.decode(b"\x00" + schema_id.to_bytes(4, "big") + out.getvalue(), SourceMapping) == MAPPING
