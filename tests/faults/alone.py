"""Relays alone under Kafka's faults: many times the transactions of a whole stack, and nothing else that could be at fault.

`python -m tests.faults.alone --seconds N --seed S [--only WORD ...]`: exit code 1 when a number is missing or there twice; then the home is kept.
"""

import argparse
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.cimpl import NewTopic

from deploy.embedded import jars, kafka
from deploy.embedded.processes import table
from tests.faults import matrix
from tests.faults.arena import Arena, arena
from tests.faults.checker.evidence import LANE, SEQ
from tests.faults.checker.gather import dump
from tests.faults.injectors.kinds import Fault
from tests.faults.owners import SERVICE, TARGETS
from tests.faults.parts import Part

NODES, AT_ONCE = 3, 2
WORDS = ("Kafka", "broker", "controller", "coordinator", "EndTxn")
BREATH_S = (0.2, 3.0)
REST_S = 30.0  # longer than any transaction that was left open
Numbers = dict[tuple[bytes, int], list[str]]


@dataclass(eq=False)
class Alone(Arena):
    """Kafka, the proxy, and one process that owns all lanes."""

    lanes: int = 12
    seed: int = 0

    def start(self) -> None:
        jars.ensure()
        self.plan.cluster.prepare()
        self._link_up()
        for row in table(self.plan):
            if row.name.startswith("kafka-"):
                self.keeper.add(Part(row.name, self._arguments(row), {}, self._log(row.name)))
        kafka.wait_until_ready(self.plan.cluster, timeout=120)
        admin = self.admin()
        topics = [NewTopic(f"{SERVICE}.position.v1", 2, NODES), *(NewTopic(target, 4, NODES) for target in TARGETS)]
        for made in admin.create_topics(topics).values():
            made.result()
        nodes = ",".join(f"127.0.0.1:{self.links[f'kafka-{node}'].port}" for node in range(NODES))
        arguments = ["-m", "tests.faults.owners", nodes, str(self.lanes), str(self.seed)]
        self.keeper.add(Part("owners", arguments, {}, self._log("owners")))

    def numbers(self) -> Numbers:
        """Where each number of each lane lies, as a reader of committed records sees it."""
        found: Numbers = defaultdict(list)
        for record in dump(self.plan.bootstrap, TARGETS):
            headers = dict(record.headers)
            found[headers[LANE], int(headers[SEQ])].append(f"{record.topic}/{record.partition}@{record.offset}")
        return found


def wrong(numbers: Numbers) -> list[str]:
    """What is there twice, and what is missing below a lane's last."""
    heads = Counter[bytes]()
    for lane, seq in numbers:
        heads[lane] = max(heads[lane], seq)
    twice = [f"{lane.decode()} has {seq} at {' and '.join(places)}" for (lane, seq), places in numbers.items() if len(places) > 1]
    return twice + [f"{lane.decode()} lacks {seq}" for lane, head in heads.items() for seq in range(1, head) if (lane, seq) not in numbers]


def faults(only: list[str]) -> list[Fault]:
    fit = [fault for fault in matrix.playable(NODES, disks=False, short=False) if any(word in fault.kind for word in WORDS)]
    return [fault for fault in fit if not only or any(word in fault.kind for word in only)]


def broken(here: Alone, deck: list[Fault], rng: random.Random, until: float) -> Counter[str]:
    """One fault after the other until the time is up."""
    struck = Counter[str]()
    while time.monotonic() < until:
        fault = rng.choice(deck)
        try:
            times = fault.act(here, rng)
        except KafkaException:  # what was to be broken was broken already
            times = 0
        struck[fault.kind] += times
        print(f"{time.strftime('%H:%M:%S')}  {fault.kind}: {'struck' if times else 'found nothing to strike'}", flush=True)
        time.sleep(rng.uniform(*BREATH_S))
    return struck


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.faults.alone")
    options.add_argument("--seconds", type=float, default=600.0, help="how long to inject faults (default %(default)s)")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31), help="drawn and printed when not given")
    options.add_argument("--lanes", type=int, default=12)
    options.add_argument("--only", nargs="*", default=[], help="only faults whose kind holds one of these words")
    asked = options.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with arena(lambda plan, extra: Alone(plan, extra, lanes=asked.lanes, seed=asked.seed), NODES) as here:
        until, deck = time.monotonic() + asked.seconds, faults(asked.only)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            hands = [pool.submit(broken, here, deck, random.Random(asked.seed + hand), until) for hand in range(AT_ONCE)]
        struck = sum((hand.result() for hand in hands), Counter[str]())
        here.proxy.heal()
        time.sleep(REST_S)
        here.parts["owners"].end(signal.SIGKILL)
        time.sleep(REST_S)  # the last transactions are ended by their coordinators
        numbers = here.numbers()
        problems = wrong(numbers)
        here.kept = bool(problems)
        print(f"{struck.total()} faults of {len(+struck)} kinds, {len(numbers)} numbers: {'; '.join(problems[:10]) or 'each is there once'}")
        if problems:
            print(f"what did not hold lies in {here.plan.home}")
        return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
