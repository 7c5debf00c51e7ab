"""`throughline mappings`: load what wakes those who wait, export what stands, see how a file differs from it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.ops import show
from shared.ops.door import Door, token_of
from shared.ops.errors import OpsError
from shared.ops.mappings_files import Row, read, write
from shared.ops.mappings_topic import current

BATCH = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """How a file differs from what stands: rows only in the file, rows only standing, and pairs (standing, file) that say different things."""

    added: tuple[Row, ...]
    missing: tuple[Row, ...]
    changed: tuple[tuple[Row, Row], ...]

    @property
    def empty(self) -> bool:
        return not (self.added or self.missing or self.changed)

    def as_json(self) -> dict[str, Any]:
        changed = [{"standing": _shown(before), "file": _shown(after)} for before, after in self.changed]
        return {"added": [*map(_shown, self.added)], "missing": [*map(_shown, self.missing)], "changed": changed}


def load(path: Path, base_url: str, home: Path | None, now: datetime | None = None) -> int:
    """Send the file's rows through the door; how many. What is loaded counts as stated `now` (UTC). Raises OpsError, StackDown."""
    rows, door, at = read(path), Door(base_url, token_of(home)), now or datetime.now(UTC)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        for answer in door.send("mappings", [_event(row, path, at) for row in part]):
            if answer["outcome"] != "taken":
                done = start + answer["line"] - 1
                raise OpsError(f"{path}, entry {done + 1}: {answer['reason']} The entries before it, and others of its batch, were loaded.")
    return len(rows)


def export(path: Path, kafka: str, registry: str) -> int:
    """Write what stands to a file that `load` takes; how many entries. Raises StackDown."""
    rows = current(kafka, registry)
    write(path, rows)
    return len(rows)


def diff(path: Path, kafka: str, registry: str) -> Difference:
    """How the file differs from what stands. Raises OpsError, StackDown."""
    return compared(current(kafka, registry), read(path))


def compared(standing: Iterable[Row], wanted: Iterable[Row]) -> Difference:
    now, then = {row.place: row for row in standing}, {row.place: row for row in wanted}
    both = sorted(now.keys() & then.keys())
    return Difference(
        tuple(then[place] for place in sorted(then.keys() - now.keys())),
        tuple(now[place] for place in sorted(now.keys() - then.keys())),
        tuple((now[place], then[place]) for place in both if now[place].content != then[place].content),
    )


def draw(difference: Difference) -> None:
    if difference.empty:
        show.say("The file says what stands.")
        return
    rows = [("only in the file", row.key, row.effective_from, _values(row)) for row in difference.added]
    rows += [("only standing", row.key, row.effective_from, _values(row)) for row in difference.missing]
    rows += [("differs", new.key, new.effective_from, f"{_values(old)}  →  {_values(new)}") for old, new in difference.changed]
    show.out(show.table("", ("", "key", "from", "values"), rows))


def _event(row: Row, path: Path, at: datetime) -> bytes:
    content = {
        "event_id": row.event_id,
        "occurred_at": at.isoformat(),
        "source": path.name,
        "kind": row.kind,
        **_shown(row),
    }
    return json.dumps(content, ensure_ascii=False).encode()


def _shown(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "effective_from": row.effective_from.isoformat(),
        "effective_to": row.effective_to.isoformat() if row.effective_to else None,
        "values": dict(row.values),
        "actor": row.actor,
        "reason": row.reason,
    }


def _values(row: Row) -> str:
    until = f" until {row.effective_to}" if row.effective_to else ""
    return ", ".join(f"{name}={value}" for name, value in sorted(row.values.items())) + until
