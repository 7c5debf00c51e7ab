"""The calls a sandbox saw: kept on disk, read back a page at a time, secrets masked."""

import json
from array import array
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from deploy.sandboxes.common.journal import Journals, JsonObject

_TOLD_HEADERS = ("traceparent", "tracestate", "x-netsuite-idempotency-key", "idempotency-key", "prefer", "sforce-call-options", "user-agent")


class RequestLog:
    """Numbers calls 1, 2, 3, …; memory holds one offset a call, the calls themselves stay on disk."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._path = journals.paths["requests"]
        self._offsets = _line_offsets(self._path)
        self._end = self._path.stat().st_size

    def add(self, call: JsonObject) -> None:
        """`call` has at, account, method, path, status (0: never answered), ms, headers, digest (of a write carried out); `n` is given here."""
        line = msgspec.json.encode({"n": len(self._offsets) + 1, **call})
        self._offsets.append(self._end)
        self._end += len(line) + 1
        self._journals.append("requests", line)

    async def page(self, after: int, limit: int) -> list[JsonObject]:
        """Up to `limit` calls whose number is greater than `after`."""
        await self._journals.committed()
        wanted = self._offsets[after : after + limit]
        if not wanted:
            return []
        with self._path.open("rb") as lines:
            lines.seek(wanted[0])
            return [msgspec.json.decode(lines.readline()) for _ in wanted]

    def __len__(self) -> int:
        return len(self._offsets)


def told_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth keeping: trace and idempotency as sent, authorization by its scheme only."""
    told = {name: headers[name] for name in _TOLD_HEADERS if name in headers}
    if "authorization" in headers:
        told["authorization"] = headers["authorization"].split(" ", 1)[0] + " ***"
    return told


def content_digest(body: bytes) -> str:
    """SHA-256 of what a body says: names in order, numbers as the text they are written as, so that it can be told from the intent alone."""
    content = json.loads(body, parse_float=str, parse_int=str) if body else None
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _line_offsets(path: Path) -> "array[int]":
    offsets = array("Q")
    position = 0
    with path.open("rb") as lines:
        for line in lines:
            offsets.append(position)
            position += len(line)
    return offsets
