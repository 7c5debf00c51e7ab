"""One run: feed, break, heal, come to rest, judge."""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import matrix
from tests.faults.arena import INSTANCES, Arena, arena
from tests.faults.checker.gather import gather
from tests.faults.checker.verdict import judge
from tests.faults.feed import Feeder
from tests.faults.injectors.kinds import Fault
from tests.faults.injectors.recreated import LAST
from tests.faults.report import Report

CONTRACTS_PER_SECOND = 1.0
TOGETHER = 0.25  # share of steps at which two faults strike at once
BREATH_S = (0.5, 3.0)
SETTLE_S = 300.0
Say = Callable[[str], None]


@dataclass
class Run:
    seconds: float
    seed: int
    nodes: int = 1
    short: bool = False
    last_act: bool = False
    say: Say = lambda text: None
    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def play(self, keep: Path | None = None) -> Report:
        """The whole run; `keep` names a home that stays. Raises what keeps the stack from starting."""
        self.rng = random.Random(self.seed)
        with arena(self.nodes, keep) as here:
            token = (here.plan.home / "run" / "secrets" / "door_token").read_text().strip()
            feeder = Feeder(here.doors(), token, here.plan.bootstrap, random.Random(self.seed + 1))
            feeder.master_data()
            feeding = threading.Thread(target=feeder.run, args=(CONTRACTS_PER_SECOND,), name="feeder")
            feeding.start()
            try:
                self._break(here)
            finally:
                feeder.stopping.set()
                feeding.join(60)
            return self._end(here, feeder)

    def _break(self, here: Arena) -> None:
        """Each kind once, in the seed's order, then at random until the time is up; the bounded run ends with the last kind."""
        end = time.monotonic() + self.seconds
        deck = self._deck(here)
        with ThreadPoolExecutor(2) as pool:
            while time.monotonic() < end and (fault := next(deck, None)):
                hand = [fault]
                if self.rng.random() < TOGETHER and (other := next(deck, None)):
                    hand.append(other)
                list(pool.map(lambda each: self._strike(here, each), hand))
                time.sleep(self.rng.uniform(*BREATH_S))

    def _deck(self, here: Arena) -> Iterator[Fault]:
        faults = matrix.playable(self.nodes, len(here.mounts) == 2, self.short)
        while True:
            yield from self.rng.sample(faults, len(faults))
            if self.short:
                return

    def _strike(self, here: Arena, fault: Fault) -> None:
        began = time.monotonic()
        try:
            struck = fault.act(here, random.Random(self.rng.random()))
        except AssertionError as broken:
            self.broken.append(f"{fault.kind}: {broken}")
            struck = 1
        except Exception as error:  # what was to be broken was broken already
            self.say(f"  {fault.kind}: {type(error).__name__} {error}")
            struck = 0
        self.struck[fault.kind] += struck
        self.missed[fault.kind] += not struck
        outcome = f"struck {struck}" if struck else "found nothing to strike"
        self.say(f"{fault.kind} (row {fault.row or '–'}): {outcome} in {time.monotonic() - began:.1f} s")

    def _end(self, here: Arena, feeder: Feeder) -> Report:
        here.proxy.heal()
        feeder.stopping.clear()
        feeder.supply_late()
        began = time.monotonic()
        if not here.settle(SETTLE_S):
            self.broken.append(f"not at rest {SETTLE_S:.0f} s after healing: {_unsettled(here)}")
        self.say(f"at rest {time.monotonic() - began:.0f} s after healing")
        evidence = asyncio.run(gather(here.plan.admin_dsn, here.plan.bootstrap, here.plan.home, feeder.finished(), feeder.provisioned()))
        for name, kept in evidence.services.items():
            self.say(f"{name}: {Counter(row.outcome for row in kept.journal)}")
        decided = sum(len(kept.journal) for kept in evidence.services.values())
        operations = {
            "requests to the door": feeder.operations,
            "contracts": len(feeder.contracts),
            "records in topics": len(evidence.records),
            "decisions": decided,
            "calls to vendors": sum(len(kept.effects) for kept in evidence.services.values()),
            "objects at vendors": len(evidence.objects),
            "dead letters": sum(len(kept.dead) for kept in evidence.services.values()),
            "restarts of processes": sum(part.starts - 1 for part in here.parts.values()),
        }
        verdicts = tuple(judge(evidence))
        if self.last_act:
            self._strike(here, LAST)
        settings = {"seed": self.seed, "seconds": self.seconds, "Kafka nodes": self.nodes, "instances of each service": INSTANCES}
        struck = Counter({kind: count for kind, count in (self.struck + feeder.trouble).items() if count})
        missed = Counter({kind: count for kind, count in self.missed.items() if count})
        return Report(settings, operations, struck, missed, tuple(self.broken), verdicts)


def _unsettled(here: Arena) -> list[str]:
    names = ("service", "lanes", "lag", "outbox", "inbox_due", "effects_open", "halted")
    return [str(status and {name: status[name] for name in names}) for status in here.statuses()]
