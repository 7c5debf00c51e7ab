"""What the vendors themselves do wrong, ordered from their sandboxes."""

import json
import random
import time
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault, wait_for

STALE: dict[str, Any] = {"stale_reads": {"seconds": 8, "behind_s": 5}}
HANGS_UP: dict[str, Any] = {"drop_after_commit": {"next": 3}}
REVOKED_S, UNAUTHORIZED = 4.0, 401
_opener = build_opener(ProxyHandler({}))


def ordered(order: dict[str, Any], seconds: float, name: str = "netsuite") -> Act:
    """The order is given, left in force for a while, and lifted; others stay. It struck when each of its faults befell a call."""

    def act(arena: Arena, rng: random.Random) -> int:
        url = f"{arena.sandbox(name)}/_sandbox/faults"
        given = _call(url, "POST", json.dumps(order).encode())["order"]
        time.sleep(seconds)
        return int(all(_call(f"{url}/{given}", "DELETE")["met"].values()))

    return act


def tokens_revoked(name: str) -> Act:
    """It struck when a call was turned away for it."""

    def act(arena: Arena, rng: random.Random) -> int:
        url = f"{arena.sandbox(name)}/_sandbox"
        before = _call(f"{url}/requests?limit=1", "GET")["total"]
        _call(f"{url}/expire-tokens", "POST")
        return int(wait_for(lambda: _turned_away(f"{url}/requests?after={before}"), REVOKED_S))

    return act


def _turned_away(url: str) -> bool:
    return any(call["status"] == UNAUTHORIZED for call in _call(url, "GET")["requests"])


def _call(url: str, method: str, body: bytes | None = None) -> Any:
    with _opener.open(Request(url, body, {"Content-Type": "application/json"}, method=method), timeout=10) as answer:
        return json.loads(answer.read() or b"null")


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
    Fault("every token revoked", 42, tokens_revoked("netsuite")),
    Fault("every token of the PSA revoked", 42, tokens_revoked("psa"), short=False),
)
