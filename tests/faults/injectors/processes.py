"""Processes that die, freeze, and are replaced."""

import json
import random
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault
from tests.faults.parts import Part

Choose = Callable[[Arena, random.Random], Part]
SESSION_OUTLIVED_S = 8.0
QUORUM_STATE = "__cluster_metadata-0/quorum-state"


def any_service(arena: Arena, rng: random.Random) -> Part:
    return rng.choice(arena.services)


def any_broker(arena: Arena, rng: random.Random) -> Part:
    return rng.choice(arena.brokers)


def part(name: str) -> Choose:
    return lambda arena, rng: arena.parts[name]


def killed(choose: Choose, sign: signal.Signals = signal.SIGKILL) -> Act:
    return lambda arena, rng: int(choose(arena, rng).send(sign))


def frozen(choose: Choose, seconds: float) -> Act:
    def act(arena: Arena, rng: random.Random) -> int:
        victim = choose(arena, rng)
        struck = victim.send(signal.SIGSTOP)
        time.sleep(seconds)
        victim.send(signal.SIGCONT)
        return int(struck)

    return act


def controller_frozen(seconds: float) -> Act:
    """Every node is broker and controller; the one that leads the others is meant."""

    def act(arena: Arena, rng: random.Random) -> int:
        states = (arena.plan.cluster.data(node) / QUORUM_STATE for node in range(arena.plan.nodes))
        leader = leader_of(states)
        return 0 if leader is None else frozen(part(f"kafka-{leader}"), seconds)(arena, rng)

    return act


def leader_of(states: Iterable[Path]) -> int | None:
    """Whom the metadata's quorum follows, as each node keeps it on disk: one that was away still names an earlier epoch's. None while they vote."""
    told = []
    for state in states:
        with suppress(FileNotFoundError):
            told.append(json.loads(state.read_text()))
    epoch = max((each["leaderEpoch"] for each in told), default=0)
    return next((each["leaderId"] for each in told if each["leaderEpoch"] == epoch and each["leaderId"] >= 0), None)


def rolled(arena: Arena, rng: random.Random) -> int:
    """Both instances of one service, one after the other, as a deployment replaces them."""
    name = any_service(arena, rng).name.partition("#")[0]
    return sum(_restarted(each) for each in arena.services if each.name.partition("#")[0] == name)


def _restarted(each: Part) -> int:
    before = each.starts
    struck = each.send(signal.SIGTERM)
    end = time.monotonic() + 15
    while each.starts == before and time.monotonic() < end:
        time.sleep(0.1)
    return int(struck)


def two_brokers_killed(arena: Arena, rng: random.Random) -> int:
    victims = rng.sample(arena.brokers, 2)
    for victim in victims:
        victim.wanted = False
    struck = sum(victim.send(signal.SIGKILL) for victim in victims)
    time.sleep(5)
    for victim in victims:
        victim.wanted = True
    return struck


def coordinator_killed(arena: Arena, rng: random.Random) -> int:
    topic = arena.admin().list_topics("__transaction_state", 10).topics["__transaction_state"]
    leader = topic.partitions[rng.choice(sorted(topic.partitions))].leader
    coordinator = arena.parts.get(f"kafka-{leader}")  # none: the one before is down, and no other may follow
    return int(coordinator is not None and coordinator.send(signal.SIGKILL))


FAULTS = (
    Fault("service killed", 22, killed(any_service)),
    Fault("service frozen for 2 s", 20, frozen(any_service, 2)),
    Fault("service frozen beyond its session", 20, frozen(any_service, SESSION_OUTLIVED_S)),
    Fault("service replaced by SIGTERM, one instance after the other", 39, rolled),
    Fault("broker killed", 9, killed(any_broker)),
    Fault("broker frozen", 12, frozen(any_broker, 5)),
    Fault("controller frozen for 30 s", 12, controller_frozen(30), short=False),
    Fault("two of three brokers killed", 10, two_brokers_killed, nodes=3),
    Fault("transaction coordinator killed", 11, coordinator_killed, nodes=3),
    Fault("PostgreSQL stopped at once", 15, killed(part("postgres"), signal.SIGQUIT)),
    Fault("PostgreSQL killed", 15, killed(part("postgres")), short=False),
    Fault("PostgreSQL's postmaster frozen", None, frozen(part("postgres"), 3)),
    Fault("schema registry killed", 27, killed(part("registry"))),
    Fault("NetSuite killed", None, killed(part("netsuite"))),
    Fault("PSA killed", None, killed(part("psa")), short=False),
    Fault("NetSuite frozen", 34, frozen(part("netsuite"), 6)),
)
