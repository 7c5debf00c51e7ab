"""Reads the schema sources: every named type has one .avsc file, and a published schema has all of its references inlined."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Node = Any  # one JSON node of an Avro schema: a name, a union (list) or a definition (dict)

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "enum", "fixed"})


class SchemaError(ValueError):
    """A schema source is wrong; the message names the file or type, and what to change."""


class Sources:
    """All definitions under one folder, by full name, in the order of their names."""

    def __init__(self, definitions: dict[str, dict[str, Any]], files: dict[str, Path]) -> None:
        self.definitions = definitions
        self.files = files

    def inlined(self, full_name: str) -> dict[str, Any]:
        """The definition with every reference replaced by its definition at first use. Raises SchemaError on recursion."""
        result: dict[str, Any] = self._inline(full_name, [], set())
        return result

    def text(self, full_name: str) -> str:
        """The self-contained schema as compact JSON: what is registered, byte for byte the same every time."""
        return json.dumps(self.inlined(full_name), separators=(",", ":"), ensure_ascii=False)

    def _inline(self, node: Node, path: list[str], done: set[str]) -> Node:
        if isinstance(node, str):
            return node if node in PRIMITIVES else self._inline_reference(node, path, done)
        if isinstance(node, list):
            return [self._inline(branch, path, done) for branch in node]
        if node["type"] in NAMED:
            raise SchemaError(f"{path[-1]} defines {node.get('name')} inside itself; give it a file of its own and refer to it by its full name")
        return {key: self._inline(value, path, done) if key in ("items", "values") else value for key, value in node.items()}

    def _inline_reference(self, name: str, path: list[str], done: set[str]) -> Node:
        if name in path:
            raise SchemaError(f"recursive schema: {' > '.join([*path, name])}; hold the identifier of the other record instead of the record")
        if name not in self.definitions:
            where = path[-1] if path else "the catalogue"
            raise SchemaError(f"{where} refers to {name}, which no .avsc file defines; write its full name or add the file")
        if name in done:
            return name
        done.add(name)
        definition = self.definitions[name]
        if definition["type"] != "record":
            return definition
        fields = [{**field, "type": self._inline(field["type"], [*path, name], done)} for field in definition["fields"]]
        return {**definition, "fields": fields}


def load(folder: Path) -> Sources:
    """Read schemas/<area>/<Name>.avsc below `folder`, the released copies left out. Raises SchemaError."""
    definitions: dict[str, dict[str, Any]] = {}
    files: dict[str, Path] = {}
    for path in sorted(folder.glob("*/*.avsc")):
        definition = _read(path)
        name = f"{definition['namespace']}.{definition['name']}"
        if name in files:
            raise SchemaError(f"{path} and {files[name]} both define {name}; keep one")
        definitions[name], files[name] = definition, path
    return Sources(definitions, files)


def _read(path: Path) -> dict[str, Any]:
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise SchemaError(f"{path} is not readable as JSON: {problem}") from problem
    if not isinstance(definition, dict) or definition.get("type") not in ("record", "enum"):
        raise SchemaError(f"{path} must define one record or enum")
    expected = (f"throughline.{path.parent.name}", path.stem)
    if (definition.get("namespace"), definition.get("name")) != expected:
        raise SchemaError(f"{path} must have namespace {expected[0]} and name {expected[1]}, as its folder and file are called")
    return definition


def references(node: Node) -> Iterator[str]:
    """Names of the types a node refers to, in the order they appear; primitives left out."""
    if isinstance(node, str):
        if node not in PRIMITIVES:
            yield node
    elif isinstance(node, list):
        for branch in node:
            yield from references(branch)
    elif node["type"] == "record":
        for field in node["fields"]:
            yield from references(field["type"])
    elif node["type"] in ("array", "map"):
        yield from references(node["items" if node["type"] == "array" else "values"])
