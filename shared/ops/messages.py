"""Writes the message classes of shared/messages from the schemas, and says where the checked-in ones differ."""

import argparse
import difflib
import keyword
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from shared.wire import avsc, catalogue

TARGET = Path(__file__).resolve().parents[1] / "messages"
MARK = "Generated from schemas/ by `python -m shared.ops.messages`; change the schema, then run it again."
HEADER = '"""{doc}\n\n' + MARK + '\n"""\n'
SCALARS = {"string": "str", "int": "int", "long": "int", "boolean": "bool", "float": "float", "double": "float", "bytes": "bytes"}
LOGICAL = {"decimal": "Decimal", "timestamp-micros": "dt.datetime", "date": "dt.date"}
BASE = (
    HEADER.format(doc="What every published message has in common.")
    + """
from typing import ClassVar

from msgspec import Struct


class Message(Struct, frozen=True, kw_only=True):
    \"\"\"The value of a record on a topic. `avro_schema` is its self-contained Avro schema, as it is registered.\"\"\"

    avro_schema: ClassVar[str]
"""
)


def generate(schemas: Path = catalogue.SCHEMAS) -> dict[str, str]:
    """Content of every file of shared/messages, by file name. Raises SchemaError or CatalogueError."""
    sources = avsc.load(schemas)
    topics = [(topic.name, schema) for topic, schema in catalogue.load(schemas / "topics.toml").typed()]
    published = {schema for _, schema in topics}
    files = {"__init__.py": _index(topics), "base.py": BASE}
    for area in sorted({name.split(".")[1] for name in sources.definitions}):
        files[f"{area}.py"] = _area(area, sources, published)
    return files


def differences(target: Path = TARGET, schemas: Path = catalogue.SCHEMAS) -> list[str]:
    """Lines of a unified diff between the checked-in classes and what the schemas say; empty when they agree."""
    wanted = generate(schemas)
    present = _present(target, wanted.keys())
    lines: list[str] = []
    for name in sorted(wanted.keys() | present.keys()):
        before, after = present.get(name, "").splitlines(), wanted.get(name, "").splitlines()
        lines += difflib.unified_diff(before, after, f"checked in: {name}", f"schemas say: {name}", lineterm="")
    return lines


def write(target: Path = TARGET, schemas: Path = catalogue.SCHEMAS) -> None:
    wanted = generate(schemas)
    for stale in _present(target, wanted.keys()).keys() - wanted.keys():
        (target / stale).unlink()
    for name, content in wanted.items():
        (target / name).write_text(content, encoding="utf-8")


def _present(target: Path, wanted: Set[str]) -> dict[str, str]:
    """Generated files that are there, those no longer wanted too; what was written by hand beside them is left alone."""
    found = {path.name: path.read_text(encoding="utf-8") for path in target.glob("*.py")}
    return {name: content for name, content in found.items() if name in wanted or MARK in content}


def _index(topics: list[tuple[str, str]]) -> str:
    imports = sorted({f"from shared.messages.{schema.split('.')[1]} import {_class(schema)}" for _, schema in topics})
    rows = [f'    "{topic}": {_class(schema)},' for topic, schema in topics]
    head = HEADER.format(doc="Messages as typed values, one module for each subject area of schemas/.")
    base = "from shared.messages.base import Message"
    return "\n".join([head, *sorted([*imports, base]), "", "BY_TOPIC: dict[str, type[Message]] = {", *rows, "}", ""])


def _area(area: str, sources: avsc.Sources, published: set[str]) -> str:
    names = [name for name in sources.definitions if name.split(".")[1] == area]
    body = "\n\n\n".join(_definition(name, sources, published) for name in _in_order(names, sources))
    parts = [HEADER.format(doc=f"Messages of the subject area {area}.").rstrip("\n"), "", *_imports(area, names, sources, published, body)]
    return "\n".join(parts) + "\n\n\n" + body + "\n"


def _in_order(names: list[str], sources: avsc.Sources) -> list[str]:
    """Each type after those of its own area that it holds; recursion is refused elsewhere, so this ends."""
    ordered: list[str] = []

    def place(name: str) -> None:
        if name in ordered:
            return
        sources.inlined(name)
        for held in avsc.references(sources.definitions[name]) if sources.definitions[name]["type"] == "record" else ():
            if held in names:
                place(held)
        ordered.append(name)

    for name in names:
        place(name)
    return ordered


def _imports(area: str, names: list[str], sources: avsc.Sources, published: set[str], body: str) -> Iterator[str]:
    if "dt." in body:
        yield "import datetime as dt"
    if "Decimal" in body:
        yield "from decimal import Decimal"
    if "(StrEnum)" in body:
        yield "from enum import StrEnum"
    if "ClassVar" in body:
        yield "from typing import ClassVar"
    msgspec = [name for name, used in (("Struct", "(Struct," in body), ("field", " field(" in body)) if used]
    yield from ["", f"from msgspec import {', '.join(msgspec)}"] if msgspec else []
    held = {name for own in names if sources.definitions[own]["type"] == "record" for name in avsc.references(sources.definitions[own])}
    others: dict[str, list[str]] = {"base": ["Message"]} if published & set(names) else {}
    for name in sorted(held - set(names)):
        others.setdefault(name.split(".")[1], []).append(_class(name))
    yield from ["", *(f"from shared.messages.{other} import {', '.join(others[other])}" for other in sorted(others))] if others else []


def _definition(name: str, sources: avsc.Sources, published: set[str]) -> str:
    definition = sources.definitions[name]
    if definition["type"] == "enum":
        symbols = [f'    {symbol} = "{symbol}"' for symbol in definition["symbols"]]
        return "\n".join([f"class {_class(name)}(StrEnum):", f'    """{definition["doc"]}"""', "", *symbols])
    base = "Message" if name in published else "Struct"
    lines = [f"class {_class(name)}({base}, frozen=True, kw_only=True):", f'    """{definition["doc"]}"""', ""]
    if name in published:
        lines += [f"    avro_schema: ClassVar[str] = {sources.text(name)!r}", ""]
    return "\n".join(lines + [_field(field, sources) for field in definition["fields"]])


def _field(field: dict[str, Any], sources: avsc.Sources) -> str:
    if keyword.iskeyword(field["name"]) or field["name"] == "avro_schema":
        raise avsc.SchemaError(f"a field cannot be called {field['name']}: Python or the message class keeps that name; choose another")
    default = f" = {_default(field, sources)}" if "default" in field else ""
    return f"    {field['name']}: {_type(field['type'])}{default}  # {field['doc']}"


def _type(node: avsc.Node) -> str:
    if isinstance(node, str):
        return SCALARS.get(node) or _class(node)
    if isinstance(node, list):
        branches = [_type(branch) for branch in node if branch != "null"]
        if len(branches) != 1 or node[0] != "null":
            raise avsc.SchemaError(f'union {node} is not ["null", T]; the one kind of union that messages use')
        return f"{branches[0]} | None"
    if "logicalType" in node:
        return LOGICAL[node["logicalType"]]
    if node["type"] == "array":
        return f"tuple[{_type(node['items'])}, ...]"
    if node["type"] == "map":
        return f"dict[str, {_type(node['values'])}]"
    return SCALARS[node["type"]]


def _default(field: dict[str, Any], sources: avsc.Sources) -> str:
    value, node = field["default"], field["type"]
    if value == []:
        return "()"
    if value == {}:
        return "field(default_factory=dict)"
    if isinstance(node, str) and node in sources.definitions:
        return f"{_class(node)}.{value}"
    return repr(value)


def _class(full_name: str) -> str:
    return full_name.rsplit(".", 1)[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.ops.messages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 and show the difference if there is one")
    if not parser.parse_args().check:
        write()
        return 0
    lines = differences()
    if lines:
        sys.stdout.write("\n".join([*lines, "shared/messages is not what schemas/ says; run `python -m shared.ops.messages`", ""]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
