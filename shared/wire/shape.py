"""Examines a writer schema once, before any value is decoded by it: whether it recurses, and how much a value of it can hold per byte."""

import json
from dataclasses import dataclass
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from shared.wire.limits import MAX_DECIMAL_BYTES, MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, MAX_SCHEMA_VALUES, Undecodable

SMALLEST = {"null": 0, "float": 4, "double": 8}  # bytes; every other primitive takes at least one


@dataclass(frozen=True, slots=True)
class Size:
    """`values` that a node holds at most with every array empty, and the fewest `octets` it takes."""

    values: int
    octets: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A parsed schema, the named types in it, and the values one more byte can add inside arrays and maps."""

    name: str
    parsed: Any
    named: dict[str, Any]
    values: int
    per_octet: int

    def most_values(self, octets: int) -> int:
        return self.values + self.per_octet * octets


def shape_of(text: str) -> Shape:
    """Raises Undecodable: recursive-schema, array-too-long for items of no bytes, decimal-too-long, too-large, or schema-mismatch
    when it is no Avro."""
    named: dict[str, Any] = {}
    try:
        parsed = fastavro.parse_schema(_bounded_json(text), named)
    except (SchemaParseException, UnknownType, ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, Undecodable):
            raise
        raise Undecodable("schema-mismatch", f"the writer's schema is not valid Avro: {problem!r}"[:500]) from problem
    survey = _Survey(named)
    size = survey.size(parsed, ())
    if size.values > MAX_SCHEMA_VALUES:
        raise Undecodable("too-large", f"one record of the writer's schema holds {size.values} values, the limit is {MAX_SCHEMA_VALUES}")
    name = parsed["name"] if isinstance(parsed, dict) and "name" in parsed else str(parsed)[:100]
    return Shape(name, parsed, named, size.values, survey.per_octet)


def _bounded_json(text: str) -> Any:
    if len(text) > MAX_SCHEMA_BYTES:
        raise Undecodable("too-large", f"the writer's schema has {len(text)} characters, the limit is {MAX_SCHEMA_BYTES}")
    try:
        level = [json.loads(text)]
    except RecursionError:
        raise Undecodable("recursive-schema", "the writer's schema is nested too deeply to be read") from None
    root = level[0]
    for _ in range(MAX_SCHEMA_DEPTH):
        level = [inner for node in level if isinstance(node, dict | list) for inner in (node.values() if isinstance(node, dict) else node)]
        if not level:
            return root
    raise Undecodable("recursive-schema", f"the writer's schema is nested more than {MAX_SCHEMA_DEPTH} levels deep")


class _Survey:
    """Sizes of nodes, each named type sized once, so that types used by many others cost no more."""

    def __init__(self, named: dict[str, Any]) -> None:
        self.named = named
        self.sizes: dict[str, Size] = {}
        self.per_octet = 0

    def size(self, node: Any, path: tuple[str, ...]) -> Size:
        if isinstance(node, list):
            if not node:
                raise Undecodable("schema-mismatch", "the writer's schema has a union of nothing, which no value can be of")
            branches = [self.size(branch, path) for branch in node]
            return Size(1 + max(branch.values for branch in branches), 1 + min(branch.octets for branch in branches))
        kind = node if isinstance(node, str) else node["type"]
        if isinstance(kind, dict | list) or (isinstance(node, dict) and kind in self.named):
            return self.size(kind, path)
        if kind in self.named or kind in ("record", "error"):
            return self._record_or_reference(node, path)
        if kind in ("array", "map"):
            return self._repeated(node["items" if kind == "array" else "values"], kind, path)
        if kind == "fixed":
            return self._fixed(node)
        return Size(1, SMALLEST.get(kind, 1))

    def _record_or_reference(self, node: Any, path: tuple[str, ...]) -> Size:
        name = node if isinstance(node, str) else node["name"]
        if name in path:
            raise Undecodable("recursive-schema", f"the writer's schema recurses: {' > '.join([*path, name])}; have its producer use a flat schema")
        if name not in self.sizes:
            definition = self.named[name]
            if definition["type"] in ("record", "error"):
                fields = [self.size(field["type"], (*path, name)) for field in definition["fields"]]
                self.sizes[name] = Size(1 + sum(field.values for field in fields), sum(field.octets for field in fields))
            else:
                self.sizes[name] = self._fixed(definition) if definition["type"] == "fixed" else Size(1, 1)
        return self.sizes[name]

    def _repeated(self, item: Any, kind: str, path: tuple[str, ...]) -> Size:
        size = self.size(item, path)
        values, octets = size.values + (kind == "map"), size.octets + (kind == "map")
        if octets == 0:
            raise Undecodable(
                "array-too-long", "the writer's schema has an array whose items take no bytes, so five bytes can announce millions of them"
            )
        self.per_octet = max(self.per_octet, -(-values // octets))
        return Size(1, 1)

    def _fixed(self, node: dict[str, Any]) -> Size:
        if node.get("logicalType") == "decimal" and node["size"] > MAX_DECIMAL_BYTES:
            raise Undecodable("decimal-too-long", f"{node['name']} is an amount of {node['size']} bytes, the limit is {MAX_DECIMAL_BYTES}")
        return Size(1, node["size"])
