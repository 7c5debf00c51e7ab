"""Holds the schemas to what was promised: documented, owned, never recursive, and readable together with every released version.

`python -m shared.ops.schemas release` freezes what changed as the next version below schemas/released.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.wire import avsc, catalogue
from shared.wire.avsc import SchemaError, Sources
from shared.wire.catalogue import SCHEMAS, Catalogue, Kind
from shared.wire.compatibility import Level, violations
from shared.wire.registry import Registry

LEVEL = Level.FULL_TRANSITIVE


def check(folder: Path = SCHEMAS) -> list[str]:
    """What is wrong with the schemas, a sentence each; empty when nothing is. Raises CatalogueError when topics.toml itself is unreadable."""
    topics = catalogue.load(folder / "topics.toml")
    try:
        sources = avsc.load(folder)
        published = {topic.subject: sources.text(schema) for topic, schema in topics.typed()}
    except SchemaError as problem:
        return [str(problem)]
    return [*_undocumented(sources), *_unowned(sources, topics), *_unreleased(folder, published)]


def publish(registry: str, folder: Path = SCHEMAS) -> list[str]:
    """Register what is missing and set every subject's level; what was done, a line each. Raises SchemaError, RegistryAway, Refused."""
    client, sources = Registry(registry), avsc.load(folder)
    done: list[str] = []
    for topic, schema in catalogue.load(folder / "topics.toml").typed():
        if client.compatibility(topic.subject) != LEVEL:
            client.set_compatibility(topic.subject, LEVEL)
            done.append(f"{topic.subject}: compatibility {LEVEL}")
        text = sources.text(schema)
        if not client.knows(topic.subject, text):
            done.append(f"{topic.subject}: registered as id {client.register(topic.subject, text)}")
    return done


def release(folder: Path = SCHEMAS) -> list[Path]:
    """Freeze each schema that differs from its last released version as the next one; the files written. Raises SchemaError."""
    sources = avsc.load(folder)
    written: list[Path] = []
    for topic, schema in catalogue.load(folder / "topics.toml").typed():
        known = released(folder, topic.subject)
        text = sources.text(schema)
        if broken := _breaches(text, known):
            raise SchemaError(f"{topic.subject} cannot be released: {'; '.join(broken)}")
        if not known or known[-1] != json.loads(text):
            path = folder / "released" / topic.subject / f"v{len(known) + 1}.avsc"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            written.append(path)
    return written


def released(folder: Path, subject: str) -> list[Any]:
    """Every released version of a subject, v1 first."""
    paths = (folder / "released" / subject).glob("v*.avsc")
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths, key=lambda path: int(path.stem[1:]))]


def _undocumented(sources: Sources) -> Iterator[str]:
    for name, definition in sources.definitions.items():
        if not definition.get("doc"):
            yield f"{sources.files[name]}: {name} has no doc; say in a sentence what it is"
        for field in definition.get("fields", ()):
            if not field.get("doc"):
                yield f"{sources.files[name]}: field {field['name']} has no doc; say what it means and in which unit"


def _unowned(sources: Sources, topics: Catalogue) -> Iterator[str]:
    used = {held for _, schema in topics.typed() for held in _closure(schema, sources)}
    for name in sources.definitions.keys() - used:
        yield f"{sources.files[name]}: no topic in topics.toml holds {name}, so it has no owner; use it or remove it"
    for topic in topics:
        if topic.kind in (Kind.STATE, Kind.STATUS) and topic.owner not in topics.services:
            yield f"topics.toml: {topic.name} is owned by {topic.owner}, which is no service; name one of {', '.join(topics.services)}"
        for reader in set(topic.readers) - set(topics.services):
            yield f"topics.toml: {topic.name} is read by {reader}, which is no service; name one of {', '.join(topics.services)}"


def _closure(name: str, sources: Sources) -> set[str]:
    definition = sources.definitions[name]
    held = avsc.references(definition) if definition["type"] == "record" else ()
    return {name}.union(*(_closure(other, sources) for other in held))


def _unreleased(folder: Path, published: dict[str, str]) -> Iterator[str]:
    for subject, text in published.items():
        known = released(folder, subject)
        for breach in _breaches(text, known):
            yield f"{subject}: {breach}; add a field with a default, or a new topic version, instead"
        if not known or known[-1] != json.loads(text):
            yield f"{subject}: the schema is not that of v{len(known)}; when the change is meant, run `python -m shared.ops.schemas release`"
    for path in sorted((folder / "released").glob("*")):
        if path.name not in published:
            yield f"{path}: released, but topics.toml has no such topic; records of it may still be read, so keep the topic"


def _breaches(text: str, known: list[Any]) -> list[str]:
    """Why the schema may not follow the released ones: Avro's rules, and logical types, which those rules do not look at."""
    found = violations(LEVEL, text, [json.dumps(version) for version in known])
    now = dict(_logical_types(json.loads(text), ""))
    for version in known:
        for place, before in _logical_types(version, ""):
            if now.get(place, before) != before:
                found.append(f"{place} changed from {before} to {now[place]}")
    return found


def _logical_types(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every place that holds a plain value, with what its bytes mean: the logical type with precision and scale, or the bare type."""
    if isinstance(node, list):
        for branch in node:
            yield from _logical_types(branch, place)
    elif isinstance(node, dict) and node["type"] == "record":
        for field in node["fields"]:
            yield from _logical_types(field["type"], f"{node['name']}.{field['name']}")
    elif isinstance(node, dict) and node["type"] in ("array", "map"):
        yield from _logical_types(node["items" if node["type"] == "array" else "values"], place)
    elif isinstance(node, dict) and "logicalType" in node:
        yield place, "/".join(str(node.get(key, "")) for key in ("logicalType", "precision", "scale")).rstrip("/")
    elif node in ("bytes", "int", "long"):
        yield place, node


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m shared.ops.schemas", description=__doc__)
    parser.add_argument("what", choices=("check", "release"))
    what = parser.parse_args().what
    try:
        lines = check() if what == "check" else [f"released {path}" for path in release()]
    except ValueError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 1 if what == "check" and lines else 0


if __name__ == "__main__":
    sys.exit(main())
