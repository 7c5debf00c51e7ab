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
    """One round of questions: what all services still have to do, how much they have done, in records and calls, and who is at work."""

    idle: bool
    processed: int
    left: int
    busy: tuple[str, ...] = ()

    def settled_since(self, before: Look | None) -> bool:
        """A record between two services is in nobody's count; it shows as work done between two rounds."""
        return self.idle and before is not None and before.idle and self.processed == before.processed


def look(statuses: Sequence[Mapping[str, Any] | None]) -> Look:
    """Sum up the answers of `GET /status`; None stands for a service that did not answer, which is not idle."""
    known = [status for status in statuses if status is not None]
    busy = tuple(status["service"] for status in known if not status["idle"])
    left = sum(status[count] for status in known for count in ("lag", "outbox", "inbox_due", "effects_open"))
    silent = len(statuses) - len(known)
    return Look(not busy and not silent, sum(status["processed"] for status in known), left, (*busy, *["(no answer)"] * silent))


def wait_until_idle(urls: Sequence[str], say: Callable[[str], None], check: Callable[[], None]) -> None:
    """Return when the stack is idle. `check` is called every round and raises to give up."""
    before: Look | None = None
    while True:
        check()
        now = look([_status(url) for url in urls])
        if now.settled_since(before):
            return
        say(f"{now.processed} processed, {now.left} to do; at work: {', '.join(now.busy) or 'none'}")
        before = now
        time.sleep(ROUND_SECONDS)


def _status(url: str) -> Mapping[str, Any] | None:
    try:
        status: Mapping[str, Any] = fetch_json(f"{url}/status")
    except OSError:
        return None
    return status
