"""Finds the releases in whatever was published: packages, records, JSON lines. Release tags do not say what is inside, so none is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from services.contract_events.domain.ocds.reading import Node, instant, midnight, node, nodes

LONG_AGO = midnight(date(1970, 1, 1))


@dataclass(frozen=True, slots=True)
class Release:
    """One release as it stood at its date, and who published it."""

    body: Node
    publisher: Node

    @property
    def ocid(self) -> str:
        return str(self.body.get("ocid") or "")

    @property
    def date(self) -> datetime | None:
        return instant(self.body, "date") or instant(self.body, "publishedDate")


def releases_in(document: object, publisher: Node | None = None) -> Iterator[Release]:
    """Every release of a package, a record package, an array of them, a line with the release under `package`, or a bare release."""
    if isinstance(document, list):
        for item in document:
            yield from releases_in(item, publisher)
    elif isinstance(document, dict):
        yield from _in_node(document, node(document, "publisher") or node(node(document, "packageInfo"), "publisher") or publisher or {})


def _in_node(document: Node, publisher: Node) -> Iterator[Release]:
    if isinstance(document.get("package"), dict | list):
        yield from releases_in(document["package"], publisher)
    elif isinstance(document.get("records"), list):
        for record in nodes(document, "records"):
            yield from _in_record(record, publisher)
    elif document.get("ocid") and ("releases" in document or "compiledRelease" in document):
        yield from _in_record(document, publisher)
    elif isinstance(document.get("releases"), list):
        yield from releases_in(document["releases"], publisher)
    elif document.get("ocid"):
        yield Release(document, publisher)


def _in_record(record: Node, publisher: Node) -> Iterator[Release]:
    """The history of a record, each release merged with those before it; the compiled release where the history is only linked to."""
    history = [release for release in nodes(record, "releases") if release.get("date") and "url" not in release]
    merged: Node = {}
    for release in sorted(history, key=lambda r: instant(r, "date") or LONG_AGO):
        merged = _merged(merged, release)
        yield Release(merged, publisher)
    compiled = node(record, "compiledRelease")
    if not history and compiled:
        yield Release(compiled, publisher)


def _merged(earlier: Node, later: Node) -> Node:
    """The standard's merge: objects field by field, lists of things with ids by id, everything else replaced, null removes."""
    merged = dict(earlier)
    for key, value in later.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _value(earlier.get(key), value)
    return merged


def _value(earlier: object, later: object) -> object:
    if isinstance(earlier, dict) and isinstance(later, dict):
        return _merged(earlier, later)
    if isinstance(earlier, list) and isinstance(later, list) and _have_ids(earlier) and _have_ids(later):
        rows = {str(row["id"]): row for row in earlier}
        for row in later:
            rows[str(row["id"])] = _merged(rows.get(str(row["id"]), {}), row)
        return list(rows.values())
    return later


def _have_ids(rows: list[Node]) -> bool:
    return all(isinstance(row, dict) and row.get("id") is not None for row in rows)
