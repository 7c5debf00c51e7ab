"""One schedule: what arrives, what breaks and when, all drawn from a seed; then everything heals, comes to rest, and is checked."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from shared.runtime.engine import Engine
from tests.simulation import arrivals
from tests.simulation import service as simulated
from tests.simulation.broker import Broker
from tests.simulation.database import Database
from tests.simulation.erp import Erp
from tests.simulation.faults import Faults
from tests.simulation.group import Group
from tests.simulation.instance import SESSION_S, Instance, settings_of
from tests.simulation.invariants import Evidence, violations
from tests.simulation.loop import Process, Stuck
from tests.simulation.threads import end_all
from tests.simulation.world import World

PARTITIONS, INSTANCES = 2, 2
TROUBLED_S, PATIENCE_S = 12.0, 240.0
LEASES_S = (4.0, 20.0)
DEADLY = ("crash", "killed")


@dataclass(slots=True)
class Result:
    seed: int
    problems: list[str]
    trace: list[str]
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)


class Stage:
    """Everybody of one schedule."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        self.world = world = World(seed, tracing)
        positions = world.random.choice((1, PARTITIONS))
        inputs = dict.fromkeys(world.random.choice((simulated.INPUTS, simulated.INPUTS[:1])), PARTITIONS)
        topics = inputs | {simulated.OUTPUT: PARTITIONS, simulated.DEAD_LETTERS: 1, simulated.POSITIONS: positions}
        self.settings = settings_of(world.random.choice(LEASES_S))
        self.broker = Broker(world, topics)
        self.group = Group(world, [(topic, p) for topic in inputs for p in range(PARTITIONS)], SESSION_S)
        self.database = Database(world)
        unique, lag = world.random.random() < 0.6, world.random.choice((0.0, 1.0, 8.0))
        self.erp = Erp(world, unique, lag if unique else 0.0, world.random.choice((0.0, 0.0, 1.0, 4.0)))
        self.concurrency = world.random.choice((2, 6))
        self.processes: list[Process] = []
        self.engines: list[Engine] = []
        self.instances = [Instance(self, name) for name in "ab"[:INSTANCES]]
        self.faults: Counter[str] = Counter()

    async def play(self, aim: str | None) -> None:
        for instance in self.instances:
            self.world.after(self.world.random.uniform(0, 2), instance.begin)
        for at, topic, key, value in arrivals.drawn(self.world.random, 0.6 * TROUBLED_S, PARTITIONS):
            if topic in self.broker.topics:
                self.world.after(at, self._send, topic, key, value)
        Faults(self).plan(TROUBLED_S, aim)
        await asyncio.sleep(TROUBLED_S)
        self._heal()
        while not self.is_quiet() and self.world.loop.time() < TROUBLED_S + PATIENCE_S:  # noqa: ASYNC110  its time is virtual
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)

    def is_quiet(self) -> bool:
        db, logs = self.database, self.broker.logs
        read = all(lane in db.lanes and db.lanes[lane].next >= len(logs[lane]) for lane in self.group.lanes)
        return read and not db.inbox and not any(db.outbox.values()) and all(e.status in ("done", "rejected") for e in db.effects.values())

    @property
    def crashes(self) -> int:
        return sum(count for fault, count in self.faults.items() if fault.startswith(DEADLY))

    def evidence(self) -> Evidence:
        halted = [f"{lane}: {why}" for e in self.engines for lane, why in e.owning.halts.items()]
        return Evidence(self.broker, self.database, self.erp, halted, self.crashes)

    def note(self, fault: str, process: Process) -> None:
        self.faults[fault] += 1
        self.world.say(f"fault: {fault} ({process})")

    def instance_of(self, process: Process) -> Instance | None:
        """Nobody's when its process has been replaced."""
        return next((instance for instance in self.instances if instance.process is process), None)

    def _send(self, topic: str, key: str, value: bytes) -> None:
        self.world.say(f"{topic}: {key} {value!r}")
        self.broker.append((topic, arrivals.partition_of(key, PARTITIONS)), key.encode(), value)

    def _heal(self) -> None:
        self.world.say("everything heals")
        self.world.faulty = False
        self.world.away.clear()
        for instance in self.instances:
            if instance.process.frozen:
                self.world.loop.thaw(instance.process)
            if instance.process.dead:
                instance.start()

    def close(self) -> None:
        """Unwind everybody, the dead too."""
        self.world.over = True
        end_all(self.world.strands)
        for process in self.processes:
            process.dead = False
            self.world.loop.thaw(process)
        for _ in range(50):
            left = [task for task in self.world.loop.tasks if not task.done()]
            if not left:
                break
            for task in left:
                task.cancel()
            with suppress(Stuck, asyncio.CancelledError):
                self.world.loop.run_until_complete(asyncio.sleep(1.0))
            end_all(self.world.strands)
        self.world.loop.close()


def run(seed: int, tracing: bool = False, aim: str | None = None, prepare: Callable[[Stage], None] = lambda stage: None) -> Result:
    """Play the schedule of `seed` and check what is left. The same seed gives the same trace."""
    stage = Stage(seed, tracing)
    prepare(stage)
    problems: list[str] = []
    try:
        stage.world.loop.run_until_complete(stage.play(aim))
        problems += violations(stage.evidence())
        problems += [f"unexpected: {complaint}" for complaint in stage.world.loop.complaints]
    except Stuck as stuck:
        problems.append(f"stuck: {stuck}")
    seconds = stage.world.loop.time()
    stage.close()
    return Result(seed, problems, stage.world.trace, seconds, stage.faults)
