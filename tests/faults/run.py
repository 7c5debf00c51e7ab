"""One run: feed, break, heal, come to rest, judge."""

import asyncio
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from tests.faults import commands, matrix
from tests.faults.arena import INSTANCES, Arena, arena
from tests.faults.checker.again import replayed, set_apart
from tests.faults.checker.evidence import Evidence
from tests.faults.checker.gather import gather
from tests.faults.checker.verdict import Verdict, judge
from tests.faults.feed import Feeder
from tests.faults.injectors.kinds import Fault
from tests.faults.report import Report

CONTRACTS_PER_SECOND = 1.0
TOGETHER = {1: 0.55, 2: 0.3, 3: 0.15}  # how many faults strike at once, and at which share of the steps
BREATH_S = (0.5, 3.0)
TOLD_S = 60.0
SETTLE_S = 300.0
REDRIVEN = ("erp_provisioning", "psa_sync")
Say = Callable[[str], None]


@dataclass
class Run:
    """`only`: words, one of which a kind must hold; none: all kinds. `stopping`, once set, ends the breaking; the rest follows as ever."""

    seconds: float
    seed: int
    nodes: int = 1
    short: bool = False
    last_acts: bool = False
    only: tuple[str, ...] = ()
    say: Say = lambda text: None
    stopping: threading.Event = field(default_factory=threading.Event)
    struck: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    together: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    operations: dict[str, int] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    trouble: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, str] = field(default_factory=dict)

    def play(self, keep: Path | None = None) -> None:
        """The whole run; `keep` names a home that stays. Raises what keeps the stack from starting; `report` tells what came of it until then."""
        self.rng = random.Random(self.seed)
        with arena(Arena, self.nodes, keep) as here:
            token = (here.plan.home / "run" / "secrets" / "door_token").read_text().strip()
            feeder = Feeder(here.doors(), token, here.plan.bootstrap, random.Random(self.seed + 1))
            self.trouble = feeder.trouble
            commands.publish(here)
            feeder.master_data()
            feeding = threading.Thread(target=feeder.run, args=(CONTRACTS_PER_SECOND,), name="feeder")
            feeding.start()
            try:
                self._break(here, feeder)
            finally:
                feeder.stopping.set()
                feeding.join(60)
            self._end(here, feeder)
            if not self.report().holds:
                here.kept = True
                self.say(f"what did not hold lies in {here.plan.home}")

    def report(self) -> Report:
        together = {f"moments with {count} faults at once": moments for count, moments in sorted(self.together.items()) if count > 1}
        settings = {"seed": self.seed, "seconds": self.seconds, "Kafka nodes": self.nodes, "instances of each service": INSTANCES}
        counted = {**self.operations, **together}
        return Report(settings, counted, +self.struck, +self.trouble, +self.missed, tuple(self.broken), self.verdicts, self.left_out)

    def _break(self, here: Arena, feeder: Feeder) -> None:
        """Each kind once, in the seed's order, then at random until the time is up; the bounded run ends with the last kind."""
        began = time.monotonic()
        end, told = began + self.seconds, began
        deck = self._deck(here)
        with ThreadPoolExecutor(max(TOGETHER)) as pool:
            while time.monotonic() < end and not self.stopping.is_set():
                count = self.rng.choices(list(TOGETHER), list(TOGETHER.values()))[0]
                if not (hand := list(islice(deck, count))):
                    return
                self.together[len(hand)] += 1
                list(pool.map(lambda each: self._strike(here, each), hand))
                if time.monotonic() > told + TOLD_S:
                    told = time.monotonic()
                    self._tell(here, feeder, end - told)
                self.stopping.wait(self.rng.uniform(*BREATH_S))

    def _tell(self, here: Arena, feeder: Feeder, left: float) -> None:
        lag = sum(status["lag"] for status in here.statuses() if status)
        memory = psutil.Process().memory_info().rss >> 20
        injected = f"{self.struck.total()} faults of {len(+self.struck)} kinds injected"
        self.say(f"== {left / 60:.0f} min left: {injected}, {len(feeder.contracts)} contracts, lag {lag}, {memory} MB here")

    def _deck(self, here: Arena) -> Iterator[Fault]:
        faults = matrix.playable(self.nodes, len(here.mounts) == 2, self.short)
        faults = [fault for fault in faults if not self.only or any(word in fault.kind for word in self.only)]
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

    def _end(self, here: Arena, feeder: Feeder) -> None:
        here.proxy.heal()
        if feeder.died_of:
            self.broken.append(f"the feed ended before its time: {type(feeder.died_of).__name__} {feeder.died_of}")
        feeder.stopping.clear()
        feeder.supply_late()
        began = time.monotonic()
        if not here.settle(SETTLE_S):
            self.broken.append(f"not at rest {SETTLE_S:.0f} s after healing: {_unsettled(here)}")
        self.say(f"at rest {time.monotonic() - began:.0f} s after healing")
        for service in REDRIVEN:  # what was refused on order and not mended under way
            if self._commanded(commands.redrive, here, service):
                here.settle(SETTLE_S)
        evidence = asyncio.run(gather(here.plan.admin_dsn, here.plan.bootstrap, here.plan.home, feeder.finished(), feeder.provisioned()))
        for name, kept in evidence.services.items():
            self.say(f"{name}: {Counter(row.outcome for row in kept.journal)}")
            if report := self._commanded(commands.replay, here, name):
                evidence.replayed[name], explained = replayed(report, name, kept)
                self.operations |= explained
                self.say(f"  decided again: {evidence.replayed[name].different} differences, {sum(explained.values())} more of known causes")
        self.operations |= _operations(here, feeder, evidence)
        self.left_out = {"I4, keys set apart": set_apart(evidence)}
        self.verdicts = tuple(judge(evidence))
        self.say("; ".join(f"{v.name} {'holds' if not v.violations else f'has {len(v.violations)} violations'}" for v in self.verdicts))
        if self.last_acts and not self.report().holds:
            self.say("the last acts are left out: they would take the evidence with them")
        elif self.last_acts:
            self._end_with_last_acts(here)

    def _end_with_last_acts(self, here: Arena) -> None:
        for act in matrix.LAST_ACTS:
            if not self.only or any(word in act.kind for word in self.only):
                self._strike(here, act)

    def _commanded(self, command: Callable[[Arena, str], Any], here: Arena, service: str) -> Any:
        """None when the command failed, which the run then does not hold up to."""
        try:
            return command(here, service)
        except (commands.Failed, subprocess.TimeoutExpired) as failed:
            self.broken.append(str(failed))
            return None


def _operations(here: Arena, feeder: Feeder, evidence: Evidence) -> dict[str, int]:
    services = evidence.services.values()
    return {
        "requests to the door": feeder.operations,
        "contracts": len(feeder.contracts),
        "records in topics": len(evidence.records),
        "decisions": sum(len(kept.journal) for kept in services),
        "calls to vendors": sum(len(kept.effects) for kept in services),
        "objects at vendors": len(evidence.objects),
        "dead letters": sum(len(kept.dead) for kept in services),
        "restarts of processes": sum(part.starts - 1 for part in here.parts.values()),
    }


def _unsettled(here: Arena) -> list[str]:
    names = ("service", "lanes", "lag", "outbox", "inbox_due", "effects_open", "halted")
    return [str(status and {name: status[name] for name in names}) for status in here.statuses()]
