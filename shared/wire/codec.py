"""Between messages and the bytes on a topic: Confluent framing, the writer's schema by its id, decoding under limits, typed values."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any, Protocol, TypeVar

import fastavro
import msgspec
from fastavro.read import LOGICAL_READERS, SchemaResolutionError

from shared.messages.base import Message
from shared.wire import census
from shared.wire.decoder import Read, amount, reader_of
from shared.wire.encoder import Write, writer_of
from shared.wire.limits import FRAME, MAX_BYTES, MAX_VALUES, Undecodable, schema_id_of
from shared.wire.registry import Refused, Unknown
from shared.wire.shape import Shape, shape_of

M = TypeVar("M", bound=Message)
REFUSED_IDS = 1000  # that are remembered; junk may name any number
UNKNOWN_FOR = 10.0  # seconds for which an id stays unknown before the registry is asked again
UNFIT = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)
IMMATERIAL = frozenset({"doc", "default", "aliases", "order"})  # to how bytes are read


class SchemaSource(Protocol):
    """What the codec asks of a registry; `shared.wire.registry.Registry` is one."""

    def schema(self, schema_id: int) -> str: ...
    def id_of(self, subject: str, schema: str) -> int: ...


class Unencodable(ValueError):
    """A message that its schema does not allow, such as an amount with too many decimal places; a fault of whoever built it."""


class NotPublished(RuntimeError):
    """The registry lacks a message's schema; producers never register one."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """`read` is there when the writer's schema says what the reader's does; `reader` is the reader's schema when it does not."""

    shape: Shape
    reader: Any
    read: Read | None = None


class Codec:
    """Encodes and decodes. Caches what the registry says, so that a call costs no request once its schema is known; safe between threads.

    `now` answers seconds that never go back.
    """

    def __init__(self, registry: SchemaSource, *, max_bytes: int = MAX_BYTES, now: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._max_bytes = max_bytes
        self._now = now
        self._writers: dict[tuple[type[Message], str], tuple[bytes, Write]] = {}
        self._plans: dict[tuple[int, type[Message]], _Plan] = {}
        self._shapes: dict[int, Shape] = {}
        self._refused: dict[int, tuple[float, str, str]] = {}  # words, not exceptions: those would keep what was decoded when they were raised

    def encode(self, message: Message, topic: str) -> bytes:
        """The framed value. Raises Unencodable, NotPublished, RegistryAway."""
        kind = type(message)
        frame, write = self._writers.get((kind, topic)) or self._writer(kind, topic)
        out = bytearray(frame)
        try:
            write(message, out)
        except UNFIT as problem:
            raise Unencodable(f"{kind.__name__} for {topic} does not fit its schema: {problem!r}") from problem
        if len(out) > self._max_bytes:
            raise Unencodable(f"{kind.__name__} for {topic} has {len(out)} bytes, and no reader takes more than {self._max_bytes}")
        return bytes(out)

    def decode(self, value: bytes, expected: type[M]) -> M:
        """The typed message. Raises Undecodable for a value that will never decode, RegistryAway when the registry gave no answer."""
        schema_id = schema_id_of(value, self._max_bytes)
        plan = self._plans.get((schema_id, expected)) or self._plan(schema_id, expected)
        if plan.read is None or plan.shape.most_values(len(value)) > MAX_VALUES:
            census.check(plan.shape, value)
        message: M = _read_alike(value, plan.read, plan.shape.name) if plan.read else _converted(_read(value, plan), expected)
        return message

    def writer_of_value(self, value: bytes, expected: type[Message]) -> tuple[int, bool]:
        """Id of the schema that wrote the value, and whether it says what today's says. Raises as `decode` does, without reading the content."""
        schema_id = schema_id_of(value, self._max_bytes)
        plan = self._plans.get((schema_id, expected)) or self._plan(schema_id, expected)
        return schema_id, plan.reader is None

    def schema_text(self, schema_id: int) -> str:
        """Raises Undecodable for an id that the registry does not have, RegistryAway."""
        return self._schema(schema_id)

    def prepare(self, kind: type[Message], topic: str) -> None:
        """Learn the schema id of what will be written, at start. Raises NotPublished, RegistryAway."""
        self._writer(kind, topic)

    def _writer(self, kind: type[Message], topic: str) -> tuple[bytes, Write]:
        try:
            schema_id = self._registry.id_of(f"{topic}-value", kind.avro_schema)
        except Unknown as problem:
            raise NotPublished(f"{kind.__name__} is not registered under {topic}-value; run `throughline schemas publish`") from problem
        entry = (b"\x00" + schema_id.to_bytes(4, "big"), writer_of(kind.avro_schema))
        self._writers[kind, topic] = entry
        return entry

    def _plan(self, schema_id: int, expected: type[Message]) -> _Plan:
        shape = self._shape(schema_id)
        wanted = json.loads(expected.avro_schema)
        if shape.name != f"{wanted['namespace']}.{wanted['name']}":
            raise Undecodable(
                "wrong-type",
                f"the value is a {shape.name}, expected was {wanted['namespace']}.{wanted['name']}; was it sent to this topic by mistake?",
            )
        reader = fastavro.parse_schema(wanted)
        alike = _material(shape.parsed) == _material(reader)
        plan = _Plan(shape, None, reader_of(expected.avro_schema, expected)) if alike else _Plan(shape, reader)
        self._plans[schema_id, expected] = plan
        return plan

    def _shape(self, schema_id: int) -> Shape:
        if schema_id in self._shapes:
            return self._shapes[schema_id]
        until, code, message = self._refused.get(schema_id, (0.0, "", ""))
        if self._now() < until:
            raise Undecodable(code, message)
        try:
            shape = shape_of(self._schema(schema_id))
        except Undecodable as problem:
            if len(self._refused) >= REFUSED_IDS:
                self._refused.clear()
            self._refused[schema_id] = (self._now() + UNKNOWN_FOR, problem.code, problem.message)
            raise
        self._shapes[schema_id] = shape
        return shape

    def _schema(self, schema_id: int) -> str:
        try:
            return self._registry.schema(schema_id)
        except Unknown as problem:
            message = f"the registry has no schema {schema_id}; was the value written for another registry?"
            raise Undecodable("unknown-schema-id", message) from problem
        except Refused as problem:
            raise Undecodable("schema-mismatch", str(problem)) from problem


def _read_alike(value: bytes, read: Read, name: str) -> Any:
    try:
        message, end = read(value, FRAME)
    except Undecodable:
        raise
    except IndexError as problem:
        raise _truncated(value) from problem
    except UNFIT as problem:
        raise _unlike(name, problem) from problem
    if end > len(value):
        raise _truncated(value)
    if end < len(value):
        raise _longer(len(value) - end, name)
    return message


def _converted(content: Any, expected: type[M]) -> M:
    try:
        return msgspec.convert(content, expected)
    except msgspec.ValidationError as problem:
        raise Undecodable("schema-mismatch", f"the value is no {expected.__name__}: {problem}") from problem


def _truncated(value: bytes) -> Undecodable:
    return Undecodable("truncated", f"the value ends before its content does, after {len(value)} bytes")


def _unlike(name: str, problem: Exception) -> Undecodable:
    return Undecodable("schema-mismatch", f"the value does not follow the schema {name} that it names: {problem!r}"[:500])


def _longer(left: int, name: str) -> Undecodable:
    return Undecodable("schema-mismatch", f"{left} bytes are left after the value of {name}")


def _read(value: bytes, plan: _Plan) -> Any:
    stream = BytesIO(value)
    stream.seek(FRAME)
    try:
        content = fastavro.schemaless_reader(stream, plan.shape.parsed, plan.reader)
    except Undecodable:
        raise
    except EOFError as problem:
        raise _truncated(value) from problem
    except (*UNFIT, SchemaResolutionError) as problem:
        raise _unlike(plan.shape.name, problem) from problem
    if left := len(value) - stream.tell():
        raise _longer(left, plan.shape.name)
    return content


def _amount(data: bytes, writer_schema: dict[str, Any] | None = None, reader_schema: dict[str, Any] | None = None) -> Decimal:
    return amount(data, int(writer_schema.get("scale", 0)) if writer_schema else 0)


# fastavro's documented way to read a logical type; its own reader takes nine seconds for an amount of 300 kB.
LOGICAL_READERS["bytes-decimal"] = _amount


def _material(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _material(value) for key, value in node.items() if key not in IMMATERIAL and not key.startswith("__")}
    return [_material(inner) for inner in node] if isinstance(node, list) else node
