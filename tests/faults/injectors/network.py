"""What the proxy does: death and doubt at exact requests, and links that are slow, cut or deaf."""

import random
import time
from collections.abc import Callable

from tests.faults import wire
from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault, wait_for
from tests.faults.proxy import Mode
from tests.faults.wire import Trap

TRAP_S = 8.0  # a trap that nothing has walked into by then is taken away
BEYOND_COMMIT_S, BEYOND_LEASE_S, BEYOND_SESSION_S = 22.0, 14.0, 8.0


def trapped(link: str, at: Callable[[bytes], bool], act: wire.Act, seconds: float = 0.0) -> Act:
    """At the next request that `at` knows; on every link whose name begins so, and on one of them only once."""

    def arm(arena: Arena, rng: random.Random) -> int:
        trap = Trap(at, act, seconds=seconds)
        links = [each for name, each in arena.links.items() if name.startswith(link)]
        for each in links:
            each.traps.append(trap)
        try:
            wait_for(lambda: bool(trap.struck), TRAP_S)
        finally:
            for each in links:
                if trap in each.traps:
                    each.traps.remove(trap)
        if act is wire.Act.FREEZE_AFTER and trap.struck:
            time.sleep(seconds)
        return len(trap.struck)

    return arm


def changed(link: str, mode: Mode, seconds: float, delay_s: float = 0.0) -> Act:
    """The link behaves so for a while; then it passes again, and what was swallowed is cut. It struck when somebody felt it."""

    def act(arena: Arena, rng: random.Random) -> int:
        links = [each for name, each in arena.links.items() if name.startswith(link)]
        before = sum(each.felt[mode] for each in links)
        cut = 0
        for each in links:
            each.mode, each.delay_s = mode, delay_s
            if mode is Mode.REFUSE:
                cut += arena.proxy.reset(each)
        time.sleep(seconds)
        for each in links:
            arena.proxy.pass_again(each)
        return int(cut + sum(each.felt[mode] for each in links) > before)

    return act


def forsaken(link: str, seconds: float) -> Act:
    """Half open for a while; then new connections pass, and those of then are never heard of again, nor reset. It struck when somebody felt it."""

    def act(arena: Arena, rng: random.Random) -> int:
        each = arena.links[link]
        before = each.felt[Mode.SWALLOW]
        each.mode = Mode.SWALLOW
        time.sleep(seconds)
        arena.proxy.forsake(each)
        return int(each.felt[Mode.SWALLOW] > before)

    return act


def reset(link: str) -> Act:
    return lambda arena, rng: int(sum(arena.proxy.reset(each) for name, each in arena.links.items() if name.startswith(link)) > 0)


FAULTS = (
    Fault("dies after poll, before BEGIN", 1, trapped("postgres", wire.begins, wire.Act.KILL_BEFORE)),
    Fault("dies before COMMIT", 2, trapped("postgres", wire.commits, wire.Act.KILL_BEFORE)),
    Fault("answer to COMMIT lost", 3, trapped("postgres", wire.commits, wire.Act.DROP_ANSWER)),
    Fault("dies after COMMIT", 4, trapped("postgres", wire.commits, wire.Act.KILL_AFTER)),
    Fault("dies after produce, before EndTxn", 5, trapped("kafka", wire.ends_transaction, wire.Act.KILL_BEFORE)),
    Fault("broker dies between a transaction's decision and its markers", 9, trapped("kafka", wire.ends_transaction, wire.Act.KILL_PEER)),
    Fault("EndTxn held beyond its caller's patience", 6, trapped("kafka", wire.ends_transaction, wire.Act.HOLD, BEYOND_COMMIT_S)),
    Fault("answer to EndTxn lost", 6, trapped("kafka", wire.ends_transaction, wire.Act.DROP_ANSWER)),
    Fault("dies after claim, before the call", 7, trapped("netsuite", wire.writes, wire.Act.KILL_BEFORE)),
    Fault("dies after the vendor did it, before it is recorded", 8, trapped("netsuite", wire.writes, wire.Act.KILL_AFTER)),
    Fault("dies after the PSA did it", 8, trapped("psa", wire.writes, wire.Act.KILL_AFTER), short=False),
    Fault("frozen in a transaction beyond its session", 20, trapped("postgres", wire.begins, wire.Act.FREEZE_AFTER, BEYOND_SESSION_S)),
    Fault("frozen in a call beyond its lease", 21, trapped("netsuite", wire.writes, wire.Act.FREEZE_AFTER, BEYOND_LEASE_S)),
    Fault("vendor's answer lost", 29, trapped("netsuite", wire.writes, wire.Act.DROP_ANSWER)),
    Fault("PSA's answer lost", 29, trapped("psa", wire.writes, wire.Act.DROP_ANSWER), short=False),
    Fault("500 after commit", 31, trapped("netsuite", wire.writes, wire.Act.FALSE_ANSWER)),
    Fault("500 after commit at the PSA", 31, trapped("psa", wire.writes, wire.Act.FALSE_ANSWER), short=False),
    Fault("NetSuite half open", 34, forsaken("netsuite", 6)),
    Fault("PSA half open", 34, forsaken("psa", 6), short=False),
    Fault("PostgreSQL half open", 34, changed("postgres", Mode.SWALLOW, 4)),
    Fault("PostgreSQL deaf: done, and not answered", 3, changed("postgres", Mode.DEAF, 3)),
    Fault("Kafka half open", 34, changed("kafka", Mode.SWALLOW, 4)),
    Fault("Kafka deaf: done, and not answered", 6, changed("kafka", Mode.DEAF, 4), short=False),
    Fault("PostgreSQL slow by 0.1 s a request", None, changed("postgres", Mode.DELAY, 4, 0.1)),
    Fault("Kafka slow by 0.2 s a request", None, changed("kafka", Mode.DELAY, 4, 0.2)),
    Fault("PostgreSQL refuses connections", 19, changed("postgres", Mode.REFUSE, 3)),
    Fault("Kafka refuses connections", None, changed("kafka", Mode.REFUSE, 3)),
    Fault("registry refuses connections", 27, changed("registry", Mode.REFUSE, 4)),
    Fault("NetSuite refuses connections", None, changed("netsuite", Mode.REFUSE, 4)),
    Fault("connections to PostgreSQL reset", 19, reset("postgres")),
    Fault("connections to Kafka reset", None, reset("kafka")),
    Fault("connections to NetSuite reset", 29, reset("netsuite")),
)
