"""What an update does to the lines already there: matched by key, appended, or replaced where the caller asked for it."""

from typing import Any

from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.netsuite.contract import Record


def merged(record: Record, before: JsonObject, change: JsonObject, replace: frozenset[str]) -> JsonObject:
    """The fields after a create or an update. `replace`: the sublists named in ?replace=, whose other lines go.

    Lines of a keyed sublist are updated where the key matches; every other line of the request is appended (Oracle, "Updating a Sublist").
    """
    after = dict(before)
    for name, value in change.items():
        if isinstance(value, list):
            known: list[JsonObject] = before.get(name) or []
            key = record.sublists[name].key if name in record.sublists else None
            after[name] = _replaced(key, known, value) if name in replace else _updated(key, known, value)
        elif value is None:
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _updated(key: str | None, known: list[JsonObject], lines: list[JsonObject]) -> list[JsonObject]:
    after = [dict(line) for line in known]
    at = {_identity(line[key]): line for line in after if key is not None and key in line}
    for line in lines:
        match = at.get(_identity(line[key])) if key is not None and line.get(key) is not None else None
        if match is None:
            after.append(dict(line))
        else:
            match.update(line)
    return _numbered(key, after)


def _replaced(key: str | None, known: list[JsonObject], lines: list[JsonObject]) -> list[JsonObject]:
    wanted = {_identity(line[key]) for line in lines if key is not None and line.get(key) is not None}
    return _updated(key, [line for line in known if key is not None and _identity(line.get(key)) in wanted], lines)


def _numbered(key: str | None, lines: list[JsonObject]) -> list[JsonObject]:
    """The system gives a key to each line that came without one."""
    if key is None:
        return lines
    last = max((int(_identity(line[key])) for line in lines if _identity(line.get(key)).isdigit()), default=0)
    for line in lines:
        if line.get(key) is None:
            last += 1
            line[key] = last
    return lines


def _identity(value: Any) -> str:
    return str(value)
