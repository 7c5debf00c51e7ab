"""Sends batches to a stack's door, patiently: what the door cannot keep now is sent again until it can."""

import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from shared.ops.errors import OpsError, StackDown
from shared.runtime.retry import Backoff, delay_before

BACKOFF = Backoff(first=0.5, limit=10)
PATIENCE_S = 300.0
TIMEOUT_S = 60.0
BUSY = (408, 429, 502, 503, 504)
Answer = dict[str, Any]

# A proxy set for the internet is not meant for a stack on this machine or in this cluster.
_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Door:
    """Where the door is and the token that it asks for. `waiting` is told why a batch is not through yet."""

    url: str
    token: str
    waiting: Callable[[str], None] = lambda why: None
    patience_s: float = PATIENCE_S

    def send(self, kind: str, lines: Sequence[bytes], derive_mappings: bool = False) -> list[Answer]:
        """The door's answers to a batch, `line` counting from 1. Raises StackDown when it stays away, OpsError when it refuses the batch."""
        path = f"{self.url.rstrip('/')}/intake/{kind}{'?derive_mappings=true' if derive_mappings else ''}"
        body, since, attempt = b"\n".join(lines), time.monotonic(), 0
        while True:
            try:
                return self._post(path, body)
            except (_Busy, URLError, TimeoutError, ConnectionError) as error:
                attempt += 1
                if time.monotonic() - since > self.patience_s:
                    raise StackDown(
                        f"The door at {self.url} has not taken a batch for {self.patience_s:.0f} s ({error}): run `throughline doctor`."
                    ) from error
                self.waiting(f"the door does not take anything now ({error}); trying again")
                time.sleep(delay_before(attempt, random.uniform(0.5, 1), BACKOFF))  # noqa: S311  spreads retries, guards nothing

    def _post(self, path: str, body: bytes) -> list[Answer]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/x-ndjson"}
        try:
            with _opener.open(Request(path, body, headers, method="POST"), timeout=TIMEOUT_S) as response:  # noqa: S310  a setting names it
                items: list[Answer] = json.load(response)["items"]
                return items
        except HTTPError as error:
            said = _said(error)
            if error.code in BUSY:
                raise _Busy(said) from error
            raise OpsError(f"The door at {self.url} refuses the batch ({error.code}): {said}") from error


class _Busy(Exception):
    """The door answered that it cannot take anything now."""


def token_of(home: Path | None) -> str:
    """The door's token: THROUGHLINE_DOOR_TOKEN, else the home's own. Raises OpsError."""
    if named := os.environ.get("THROUGHLINE_DOOR_TOKEN", "").strip():
        return named
    path = (home or Path(".throughline")) / "run" / "secrets" / "door_token"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise OpsError(f"The door's token is not at {path} ({error.strerror}): start the stack, or set THROUGHLINE_DOOR_TOKEN.") from error


def _said(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return str(error.reason)
