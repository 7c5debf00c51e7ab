"""Files of mappings as people keep them: CSV or JSON, one row for each dated entry of a key."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from shared.kernel.ids import derive
from shared.ops.errors import OpsError

COLUMNS = ("key", "effective_from", "effective_to", "actor", "reason")
VALUE = "value."  # a column value.tenant holds the value called tenant
ALWAYS = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What `key` stands for from a day on. Actor and reason say who supplied it and why; they are no part of what it says."""

    key: str
    effective_from: date
    effective_to: date | None
    values: Mapping[str, str]
    actor: str
    reason: str

    @property
    def place(self) -> tuple[str, date, str]:
        """Two rows of one place replace each other. An ERP route may have an entry for one selling entity beside the general one."""
        return self.key, self.effective_from, self.values.get("legal_entity", "") if self.kind == "ERP_ROUTE" else ""

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0].upper()

    @property
    def content(self) -> tuple[object, ...]:
        return self.effective_to, tuple(sorted(self.values.items()))

    @property
    def event_id(self) -> str:
        """The same for rows that say the same, so that loading a file again changes nothing."""
        values = (f"{name}={value}" for name, value in sorted(self.values.items()))
        return str(derive("mapping", self.key, str(self.effective_from), str(self.effective_to), *values))


def read(path: Path) -> tuple[Row, ...]:
    """The rows of a .csv, .json (a list) or .jsonl file. Raises OpsError naming the row that is wrong."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                raw = [_of_csv(row) for row in csv.DictReader(file)]
        else:
            raw = _of_json(path)
    except (OSError, ValueError) as error:
        raise OpsError(f"{path} cannot be read ({error}): it has to be CSV, a JSON list or JSON lines of mappings.") from error
    return tuple(_row(content, f"{path}, entry {number}") for number, content in enumerate(raw, 1))


def write(path: Path, rows: Iterable[Row]) -> None:
    """As CSV for a name that ends in .csv, else as a JSON list; both are what `read` reads."""
    ordered = sorted(rows, key=lambda row: row.place)
    if path.suffix == ".csv":
        names = sorted({name for row in ordered for name in row.values})
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, *(VALUE + name for name in names)])
            writer.writerows([*_plain(row), *(row.values.get(name, "") for name in names)] for row in ordered)
    else:
        content = [dict(zip(COLUMNS, _plain(row), strict=True)) | {"values": dict(row.values)} for row in ordered]
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(row: Row) -> tuple[str, ...]:
    return row.key, str(row.effective_from), str(row.effective_to or ""), row.actor, row.reason


def _of_csv(row: Mapping[str, Any]) -> dict[str, Any]:
    values = {name.removeprefix(VALUE): text for name, text in row.items() if name and name.startswith(VALUE) and text}
    return {**{name: row.get(name) for name in COLUMNS}, "values": values}


def _of_json(path: Path) -> list[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    content = json.loads(text) if text.lstrip().startswith("[") else [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in content):
        raise ValueError("an entry is no JSON object")
    return list(content)


def _row(content: Mapping[str, Any], where: str) -> Row:
    values = content.get("values")
    if not isinstance(content.get("key"), str) or not isinstance(values, dict) or not values:
        raise OpsError(f"{where}: a mapping needs a key such as legal_entity:BU-17@netsuite-emea, and values.")
    try:
        return Row(
            key=content["key"].strip(),
            effective_from=date.fromisoformat(content.get("effective_from") or str(ALWAYS)),
            effective_to=date.fromisoformat(content["effective_to"]) if content.get("effective_to") else None,
            values={str(name): str(value) for name, value in values.items()},
            actor=str(content.get("actor") or "throughline mappings load"),
            reason=str(content.get("reason") or "loaded from a file"),
        )
    except (ValueError, TypeError) as error:
        raise OpsError(f"{where}: {error}; write days as 2026-01-31.") from error
