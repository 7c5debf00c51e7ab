"""Cuts files into lines that the door takes: publications release by release, our own events one by one."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from shared.ops.errors import OpsError

LINES = (".jsonl", ".ndjson")
SUFFIXES = (".json", *LINES)
INTAKES = {"contract": "clm", "account": "accounts", "mapping": "mappings"}
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One line for the door: `position` counts from 1 within its file, `intake` is where it goes."""

    position: int
    intake: str
    line: bytes


def files_of(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files themselves, and those of folders in the order of their names. Raises OpsError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise OpsError(f"{path} does not exist: name a file or folder to feed.")
    if not found:
        raise OpsError(f"There is nothing to feed: no file ends in {', '.join(SUFFIXES)}.")
    return tuple(found)


def fingerprint(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def items_of(path: Path, as_: str) -> Iterator[Item]:
    """The file's items; JSON lines are read as they are needed, one JSON document is read whole. Raises OpsError for a broken document."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        return
    if path.suffix in LINES or _is_whole(first):
        for position, line in enumerate(_chain(first, lines), 1):
            yield Item(position, _intake(line, as_), _body(line, as_))
    else:
        yield from _document(path, as_)


def _document(path: Path, as_: str) -> Iterator[Item]:
    try:
        content = json.loads(path.read_bytes(), parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise OpsError(f"{path} is neither JSON nor JSON lines ({error}): correct it, or feed it without its broken part.") from error
    parts = content if isinstance(content, list) and as_ == "events" else publications_in(content)
    for position, part in enumerate(parts, 1):
        line = json.dumps(part, ensure_ascii=False, default=_exact).encode()
        yield Item(position, _intake(line, as_), _body(line, as_))


def publications_in(content: Any) -> Iterator[Any]:
    """Packages cut into packages of one release or record each, with their publisher; anything else as it is."""
    if isinstance(content, list):
        for part in content:
            yield from publications_in(part)
        return
    for kind in ("releases", "records"):
        if isinstance(content, dict) and isinstance(content.get(kind), list) and not content.get("ocid"):
            shared = {key: content[key] for key in ("publisher", "publishedDate", "version") if key in content}
            yield from ({**shared, kind: [part]} for part in content[kind])
            return
    yield content


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line.strip() for line in file if line.strip())


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _is_whole(line: bytes) -> bool:
    """Whether a line is a value of its own: then so are the others. A package on a single line is a document and is cut up."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and not any(isinstance(content.get(kind), list) and not content.get("ocid") for kind in ("releases", "records"))


def _intake(line: bytes, as_: str) -> str:
    """`auto` looks inside: our own events say their type, everything else is taken for a publication."""
    if as_ == "ocds":
        return "ocds"
    named = _type(line)
    if named in INTAKES:
        return INTAKES[named]
    return "clm" if as_ == "events" else "ocds"


def _body(line: bytes, as_: str) -> bytes:
    """The line without its type, which the intake says already."""
    if as_ == "ocds" or _type(line) not in INTAKES:
        return line
    content = json.loads(line, parse_float=Decimal)
    del content["type"]
    return json.dumps(content, ensure_ascii=False, default=_exact).encode()


def _type(line: bytes) -> str | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content.get("type") if isinstance(content, dict) and isinstance(content.get("type"), str) else None


def _exact(value: object) -> object:
    """An amount as text: a float would lose what the file says."""
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
