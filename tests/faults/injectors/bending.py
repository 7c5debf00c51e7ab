"""Clocks that are wrong, a decision that takes too long, and names that lead nowhere or elsewhere: told to a service through `bent`."""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tests.faults.arena import VENDOR_HOSTS, Arena
from tests.faults.bent import POLL_LIMIT_MS, met
from tests.faults.injectors.kinds import Act, Fault, wait_for

HOUR_S = 3600
BEYOND_POLL_S = POLL_LIMIT_MS / 1000 + 4
BEYOND_NAME_CACHE_S = 14.0
FOUND_S = 12.0


@contextmanager
def bent(arena: Arena, names: Sequence[str], order: dict[str, Any]) -> Iterator[Callable[[], bool]]:
    """The order is in force within; what is given says whether a process has felt it."""
    files = [arena.bend(name) for name in names]
    for file in files:
        met(file).unlink(missing_ok=True)
        half = file.with_suffix(".half")
        half.write_text(json.dumps(order))
        half.rename(file)
    try:
        yield lambda: any(met(file).exists() for file in files)
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def clock_wrong(by_s: float) -> Act:
    """One process for a while; the others, the database and the vendors keep the right time."""

    def act(arena: Arena, rng: random.Random) -> int:
        with bent(arena, [rng.choice(arena.services).name], {"skew_s": by_s}) as felt:
            time.sleep(6)
            return int(felt())

    return act


def slow_decider(arena: Arena, rng: random.Random) -> int:
    """One decision outlasts the longest time between two polls: the group gives its lanes away meanwhile."""
    with bent(arena, [rng.choice(arena.services).name], {"sleep_s": BEYOND_POLL_S}) as felt:
        struck = wait_for(felt, FOUND_S)
    if struck:
        time.sleep(BEYOND_POLL_S)
    return int(struck)


def name_unknown(arena: Arena, rng: random.Random) -> int:
    with bent(arena, _instances(arena, "erp_provisioning"), {"names": {"netsuite.test": None}}) as felt:
        arena.proxy.reset(arena.links["netsuite"])
        time.sleep(BEYOND_NAME_CACHE_S)
        return int(felt())


def address_changed(arena: Arena, rng: random.Random) -> int:
    """The old address refuses from now on: whoever keeps to it beyond the life of a name has no vendor."""
    link, (old, new) = arena.links["netsuite"], VENDOR_HOSTS
    with bent(arena, _instances(arena, "erp_provisioning"), {"names": {"netsuite.test": new}}):
        before = link.passed[new]
        link.closed.add(old)
        arena.proxy.reset(link)
        wait_for(lambda: link.passed[new] > before, BEYOND_NAME_CACHE_S)
        time.sleep(2)
    link.closed.discard(old)
    arena.proxy.reset(link)
    return int(link.passed[new] > before)


def _instances(arena: Arena, service: str) -> list[str]:
    return [part.name for part in arena.services if part.name.partition("#")[0] == service]


FAULTS = (
    Fault("a decision outlasts the time between polls", 23, slow_decider),
    Fault("a process's clock an hour ahead", 28, clock_wrong(HOUR_S)),
    Fault("a process's clock an hour behind", 28, clock_wrong(-HOUR_S)),
    Fault("NetSuite's name unknown", 35, name_unknown, short=False),
    Fault("NetSuite's address changed", 35, address_changed),
)
