"""One schedule: what arrives, what breaks and when, all drawn from a seed; then everything heals, comes to rest, and is checked."""

import asyncio
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import msgspec
from pydantic import SecretStr

from shared.runtime.engine import Engine
from shared.runtime.ports import Outside, Parts
from shared.runtime.runner import Runner
from shared.runtime.settings import RuntimeSettings
from tests.simulation import service as simulated
from tests.simulation.broker import Broker
from tests.simulation.clients import SimulatedConsumer, SimulatedProducer, SimulatedTopicIds
from tests.simulation.database import Database
from tests.simulation.erp import Erp, SimulatedAdapter
from tests.simulation.group import Group
from tests.simulation.invariants import Evidence, violations
from tests.simulation.loop import Process, Stuck
from tests.simulation.service import JsonCodec, Told, service_of
from tests.simulation.stores import SimulatedBatches, SimulatedEffects, SimulatedLanes, SimulatedOutbox, SimulatedPermits
from tests.simulation.threads import TurnTaking, end_all
from tests.simulation.world import VirtualClock, World

PARTITIONS, INSTANCES = 2, 2
TROUBLED_S, PATIENCE_S = 12.0, 240.0
SETTINGS = RuntimeSettings.model_validate(
    {"kafka": "-", "postgres": SecretStr("-"), "registry": "-", "ops_port": 0, "batch_records": 4, "poll_s": 0.5, "session_timeout_s": 6}
    | {"effect_lease_s": 20, "open_effects_limit": 4, "wake_per_second": 50, "drain_s": 3}
)


@dataclass(slots=True)
class Result:
    seed: int
    problems: list[str]
    trace: list[str]
    seconds: float
    faults: dict[str, int] = field(default_factory=dict)


class Instance:
    """One process of the service and whoever starts it again."""

    def __init__(self, stage: "Stage", name: str) -> None:
        self.stage, self.name, self.generation = stage, name, 0
        self.process = Process(name)
        self.engine: Engine | None = None
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.generation += 1
        self.process = Process(f"{self.name}{self.generation}")
        self.stage.processes.append(self.process)
        self.stage.world.say(f"{self.process} starts")
        self.task = self.stage.world.loop.create_task(self._live(), context=self.process.context)
        self.task.add_done_callback(partial(self._ended, self.process), context=self.stage.world.context.copy())

    def _ended(self, process: Process, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        self.stage.world.say(f"{process} ended: {error!r} {getattr(error, 'exceptions', '')}")
        process.dead = True  # threads of a process end with it
        if process is self.process and not self.stage.world.over:
            self.stage.world.after(0.5, self._again, process)

    def _again(self, process: Process) -> None:
        if process is self.process:
            self.start()

    async def _live(self) -> None:
        stage, process = self.stage, self.process
        outside = Outside(
            lambda c: SimulatedConsumer(stage.world, stage.broker, stage.group, process, c),
            lambda c: SimulatedProducer(stage.world, stage.broker, c),
            lambda name, count: TurnTaking(stage.world.loop, process, stage.world.strands, count),
            VirtualClock(stage.world.loop),
            stage.world.random.uniform,
        )
        db = stage.database
        stores = SimulatedLanes(db, process), SimulatedBatches(db, process), SimulatedOutbox(db, process)
        parts = Parts(*stores, outside, SimulatedTopicIds(stage.world, stage.broker))
        service = service_of(SimulatedAdapter(stage.erp), 2)
        engine = Engine(service, SETTINGS, parts, JsonCodec())  # type: ignore[arg-type]
        permits = SimulatedPermits(db, process, UUID(int=stage.world.random.getrandbits(128)))
        assert service.target is not None
        runner = Runner(service.target, SimulatedEffects(db, process), permits, SETTINGS, engine.answered, outside)
        engine.intended, engine.backlog = runner.intended, lambda: runner.backlog
        self.engine = engine
        stage.engines.append(engine)
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(engine.run())
            calls = group.create_task(runner.run())
            group.create_task(_stopped(stage, process, engine, runner, loop, calls))

    def crash(self, away: float) -> None:
        self.process.dead = True
        gone = self.process
        self.stage.world.after(away, lambda: self.start() if self.process is gone else None)

    def freeze(self, away: float) -> None:
        self.process.frozen = True
        self.stage.world.after(away, self.stage.world.loop.thaw, self.process)


async def _stopped(stage: "Stage", process: Process, engine: Engine, runner: Runner, loop: "asyncio.Task[None]", calls: "asyncio.Task[None]") -> None:
    """As `shared.runtime.main` does at SIGTERM."""
    stop = stage.stops.setdefault(process, asyncio.Event())
    await stop.wait()
    engine.stop()
    runner.stopping = True
    runner.work.set()
    await calls
    await runner.stop(SETTINGS.drain_s)
    await loop


class Stage:
    """Everybody of one schedule."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        self.world = world = World(seed, tracing)
        positions = world.random.choice((1, PARTITIONS))
        topics = {simulated.SOURCE: PARTITIONS, simulated.OUTPUT: PARTITIONS, simulated.DEAD_LETTERS: 1, simulated.POSITIONS: positions}
        self.broker = Broker(world, topics)
        self.group = Group(world, [(simulated.SOURCE, p) for p in range(PARTITIONS)], SETTINGS.session_timeout_s)
        self.database = Database(world)
        unique, lag = world.random.random() < 0.6, world.random.choice((0.0, 1.0, 8.0))
        self.erp = Erp(world, unique, lag if unique else 0.0)
        self.processes: list[Process] = []
        self.engines: list[Engine] = []
        self.stops: dict[Process, asyncio.Event] = {}
        self.instances = [Instance(self, name) for name in "ab"[:INSTANCES]]
        self.faults: dict[str, int] = {}

    async def play(self) -> None:
        for instance in self.instances:
            self.world.after(self.world.random.uniform(0, 2), instance.start)
        self._plan_events()
        self._plan_faults()
        await asyncio.sleep(TROUBLED_S)
        self._heal()
        while not self.is_quiet() and self.world.loop.time() < TROUBLED_S + PATIENCE_S:  # noqa: ASYNC110  its time is virtual
            await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)

    def is_quiet(self) -> bool:
        ends = {lane: self.broker.stable_end(lane) for lane in self.group.lanes}
        db = self.database
        read = all(lane in db.lanes and db.lanes[lane].next >= _last_record(self.broker, lane) for lane in ends)
        return read and not db.inbox and not any(db.outbox.values()) and all(e.status in ("done", "rejected") for e in db.effects.values())

    def _plan_events(self) -> None:
        random = self.world.random
        keys = [f"A{i}" for i in range(random.randint(1, 5))]
        told: list[tuple[str, bytes]] = []
        for i in range(random.randint(2, 20)):
            key = random.choice(keys)
            parent = random.choice(keys) if random.random() < 0.4 else None
            kind = random.choice(("bad", "bug", "refused")) if random.random() < 0.04 else "fine"
            event = Told(f"e{i}", i if random.random() < 0.9 else random.randint(0, i), None if parent == key else parent, kind)
            told.append((key, b"\x00poison" if random.random() < 0.02 else msgspec.json.encode(event)))
        told += [event for event in told if random.random() < 0.1]
        for key, value in told:
            self.world.after(random.uniform(0, 0.6 * TROUBLED_S), self._send, key, value)

    def _send(self, key: str, value: bytes) -> None:
        self.world.say(f"source: {key} {value!r}")
        self.broker.append((simulated.SOURCE, zlib.crc32(key.encode()) % PARTITIONS), key.encode(), value)

    def _plan_faults(self) -> None:
        random = self.world.random
        kinds: list[Callable[[], None]] = [self._crash, self._crash, self._freeze, self._freeze, self._stop, self._rebalance, self._outage]
        for _ in range(random.choice((0, 1, 2, 4, 8))):
            self.world.after(random.uniform(0.5, 0.8 * TROUBLED_S), random.choice(kinds))

    def _crash(self) -> None:
        self._note("crash").crash(self.world.random.uniform(0.1, 8))

    def _freeze(self) -> None:
        instance = self._note("freeze")
        away = self.world.random.choice((0.3, 2.5, 7.0, 9.0, 25.0))
        if not instance.process.dead and (self.erp.unique or away < SETTINGS.effect_lease_s / 2):
            instance.freeze(away)  # an ERP that does not know its own ids cannot be guarded from who froze on the way to it for a whole lease

    def _stop(self) -> None:
        instance = self._note("stop")
        if instance.process in self.stops:
            with_context = instance.process.context
            self.world.loop.call_soon(self.stops[instance.process].set, context=with_context)

    def _rebalance(self) -> None:
        self._note("rebalance")
        self.group.rebalance(shuffle=True)

    def _outage(self) -> None:
        system = self.world.random.choice(("kafka", "postgres", "erp"))
        self._note(f"outage of {system}")
        self.world.away[system] = self.world.loop.time() + self.world.random.uniform(0.1, 6)

    def _note(self, what: str) -> Instance:
        instance = self.world.random.choice(self.instances)
        self.faults[what] = self.faults.get(what, 0) + 1
        self.world.say(f"fault: {what} ({instance.process})")
        return instance

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


def _last_record(broker: Broker, lane: tuple[str, int]) -> int:
    return len(broker.logs[lane])


def run(seed: int, tracing: bool = False, prepare: Callable[[Stage], None] = lambda stage: None) -> Result:
    """Play the schedule of `seed` and check what is left. The same seed gives the same trace."""
    stage = Stage(seed, tracing)
    prepare(stage)
    problems: list[str] = []
    try:
        stage.world.loop.run_until_complete(stage.play())
        halted = [f"{lane}: {why}" for e in stage.engines for lane, why in e.halts.items()]
        problems += violations(Evidence(stage.broker, stage.database, stage.erp, halted, stage.faults.get("crash", 0)))
        problems += [f"unexpected: {complaint}" for complaint in stage.world.loop.complaints]
    except Stuck as stuck:
        problems.append(f"stuck: {stuck}")
    seconds = stage.world.loop.time()
    stage.close()
    return Result(seed, problems, stage.world.trace, seconds, stage.faults)
