"""Looks at the console until the demo's contracts are where they should be, and says what moves meanwhile."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shared.ops.console import ask
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError, StackDown

LOOK_S = 0.5
STILL_S = 120.0
WORDS = {"IN_APPROVAL": "in approval", "APPROVED": "approved", "VALIDATED": "checked", "IN_ERP": "in the ERP", "ACTIVE": "active", "CLOSED": "closed"}
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Watch:
    endpoints: Endpoints
    contracts: Collection[str]
    say: Callable[[str], None]

    def look(self) -> dict[str, Line]:
        """The demo's contracts as the console shows them, by id."""
        found: dict[str, Line] = {}
        after = None
        while True:
            page = ask(self.endpoints, "contracts", limit=1000, after=after)
            found |= {line["contract_id"]: line for line in page["contracts"] if line["contract_id"] in self.contracts}
            after = page.get("after")
            if not after:
                return found

    def until(self, wanted: Callable[[Mapping[str, Line]], bool], what: str) -> dict[str, Line]:
        """The contracts once `wanted` holds. Raises OpsError when nothing has moved for two minutes."""
        before, moved = "", time.monotonic()
        while True:
            lines = self._seen()
            now = told(lines)
            if now != before:
                self.say(f"  {now}")
                before, moved = now, time.monotonic()
            if wanted(lines):
                return lines
            if time.monotonic() - moved > STILL_S:
                raise OpsError(
                    f"Nothing has moved for {STILL_S:.0f} s while waiting until {what}; `throughline status` and `throughline doctor` say why."
                )
            time.sleep(LOOK_S)

    def waiting_for(self, key: str) -> int:
        return next((int(line["contracts"]) for line in ask(self.endpoints, "waits") if line["key"] == key), 0)

    def _seen(self) -> dict[str, Line]:
        """A console that is starting over shows nothing for a moment."""
        try:
            return self.look()
        except StackDown:
            return {}


def told(lines: Mapping[str, Line]) -> str:
    waiting = sum(stuck(line) for line in lines.values())
    stages = Counter(WORDS.get(line["stage"], line["stage"].lower()) for line in lines.values() if not stuck(line))
    parts = [f"{stages[word]} {word}" for word in WORDS.values() if stages[word]]
    return " · ".join([*parts, *([f"{waiting} waiting"] if waiting else [])]) or "nothing yet"


def active(line: Line) -> bool:
    return bool(line["stage"] == "ACTIVE" and not stuck(line))


def stuck(line: Line) -> bool:
    return bool(line["condition"] == "WAITING")
