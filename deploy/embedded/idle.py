"""Knows when a stack has nothing left to do: every service says so twice in a row, and nothing was processed in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.embedded.readiness import fetch_json

ROUND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """One round of questions: what all services still have to do, and how much they have done, in records and calls."""

    idle: bool
    processed: int
    left: int

    def settled_since(self, before: Look | None) -> bool:
        """A record between two services is in nobody's count; it shows as work done between two rounds."""
        return self.idle and before is not None and before.idle and self.processed == before.processed


def look(statuses: Sequence[Mapping[str, Any] | None]) -> Look:
    """Sum up the answers of `GET /status`; None stands for a service that did not answer, which is not idle."""
    known = [status for status in statuses if status is not None]
    left = sum(status[count] for status in known for count in ("lag", "outbox", "inbox_due", "effects_open"))
    idle = len(known) == len(statuses) and all(status["idle"] for status in known)
    return Look(idle, sum(status["processed"] for status in known), left)


def wait_until_idle(urls: Sequence[str], say: Callable[[str], None], check: Callable[[], None]) -> None:
    """Return when the stack is idle. `check` is called every round and raises to give up."""
    before: Look | None = None
    while True:
        check()
        now = look([_status(url) for url in urls])
        if now.settled_since(before):
            return
        if before is None or (now.processed, now.left) != (before.processed, before.left):
            say(f"{now.processed} processed, {now.left} to do")
        before = now
        time.sleep(ROUND_SECONDS)


def _status(url: str) -> Mapping[str, Any] | None:
    try:
        status: Mapping[str, Any] = fetch_json(f"{url}/status")
    except OSError:
        return None
    return status
