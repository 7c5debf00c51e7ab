"""What the vendors themselves do wrong, ordered from their sandboxes."""

import json
import random
import time
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault

STALE: dict[str, Any] = {"stale_reads": {"seconds": 8, "behind_s": 5}}
HANGS_UP: dict[str, Any] = {"drop_after_commit": {"next": 3}}
_opener = build_opener(ProxyHandler({}))


def ordered(order: dict[str, Any], seconds: float, name: str = "netsuite", path: str = "faults") -> Act:
    """The order is given, left in force for a while, and cleared."""

    def act(arena: Arena, rng: random.Random) -> int:
        url = f"{arena.sandbox(name)}/_sandbox"
        _call(f"{url}/{path}", "POST", json.dumps(order).encode())
        time.sleep(seconds)
        _call(f"{url}/faults", "DELETE")
        return 1

    return act


def _call(url: str, method: str, body: bytes | None = None) -> None:
    with _opener.open(Request(url, body, {"Content-Type": "application/json"}, method=method), timeout=10):
        pass


FAULTS = (
    Fault("calls take 0.3 s longer", None, ordered({"latency_ms": 300}, 4)),
    Fault("429 storm with Retry-After", 30, ordered({"throttle": {"seconds": 4, "retry_after": 1}}, 4)),
    Fault("429 storm without a word", 30, ordered({"throttle": {"next": 12}}, 4)),
    Fault("PSA throttles", 30, ordered({"throttle": {"seconds": 3}}, 3, "psa"), short=False),
    Fault("503 before commit", None, ordered({"error": {"seconds": 3, "status": 503}}, 3)),
    Fault("500 before commit at the PSA", None, ordered({"error": {"seconds": 3, "status": 500}}, 3, "psa"), short=False),
    Fault("hangs up after commit", 29, ordered({"drop_after_commit": {"next": 2}}, 4)),
    Fault("PSA hangs up after commit", 29, ordered({"drop_after_commit": {"next": 2}}, 4, "psa"), short=False),
    Fault("reads lag behind while calls hang up after commit", 33, ordered({**STALE, **HANGS_UP}, 8)),
    Fault("the PSA's reads lag behind while calls hang up after commit", 33, ordered({**STALE, **HANGS_UP}, 8, "psa"), short=False),
    Fault("answer dribbles beyond the deadline", 36, ordered({"slow_body": {"next": 2, "over_seconds": 9}}, 6)),
    Fault("outage of one tenant", 34, ordered({"outage": {"seconds": 4}, "account": "netsuite-us"}, 4)),
    Fault("every token revoked", 42, ordered({}, 0, path="expire-tokens")),
    Fault("every token of the PSA revoked", 42, ordered({}, 0, "psa", "expire-tokens"), short=False),
)
