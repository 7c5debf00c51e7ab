"""One instance of the service: its processes, one after the other, each with the engine and the runner that the real `main` would start."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import SecretStr

from shared.runtime.engine import Engine
from shared.runtime.ports import Outside, Parts
from shared.runtime.runner import Runner
from shared.runtime.settings import RuntimeSettings
from tests.simulation.batches import SimulatedBatches
from tests.simulation.calls import SimulatedEffects, SimulatedPermits
from tests.simulation.consumer import SimulatedConsumer
from tests.simulation.erp import SimulatedAdapter
from tests.simulation.lanes import SimulatedLanes, SimulatedOutbox
from tests.simulation.loop import Process
from tests.simulation.producer import SimulatedProducer
from tests.simulation.service import JsonCodec, service_of
from tests.simulation.threads import Killed, TurnTaking
from tests.simulation.topic_ids import SimulatedTopicIds
from tests.simulation.world import VirtualClock

if TYPE_CHECKING:
    from tests.simulation.schedule import Stage

SESSION_S, DRAIN_S = 6, 3
CLAIM_TRIES = 4  # a claim is given up sooner than it is in truth, as outages are shorter here
AGAIN_S = 0.5


def settings_of(lease: float) -> RuntimeSettings:
    return RuntimeSettings.model_validate(
        {"kafka": "-", "postgres": SecretStr("-"), "registry": "-", "ops_port": 0, "batch_records": 4, "poll_s": 0.5, "session_timeout_s": SESSION_S}
        | {"effect_lease_s": lease, "open_effects_limit": 4, "wake_per_second": 50, "drain_s": DRAIN_S}
    )


class Instance:
    """Whoever starts the service again when it has ended; `process` is the latest."""

    def __init__(self, stage: "Stage", name: str) -> None:
        self.stage, self.name, self.generation = stage, name, 0
        self.process = Process(name)
        self.stopping = asyncio.Event()

    def begin(self) -> None:
        """For the first time, unless whoever found it dead was faster."""
        if self.generation == 0:
            self.start()

    def start(self) -> None:
        self.generation += 1
        self.process = process = Process(f"{self.name}{self.generation}")
        self.stopping = asyncio.Event()
        self.stage.processes.append(process)
        self.stage.world.say(f"{process} starts")
        task = self.stage.world.loop.create_task(self._live(process, self.stopping), context=process.context)
        task.add_done_callback(partial(self._ended, process), context=self.stage.world.context.copy())

    def crash(self, away: float) -> None:
        gone = self.process
        gone.dead = True
        self.stage.world.after(away, lambda: self.start() if self.process is gone else None)

    def freeze(self, away: float) -> None:
        self.process.frozen = True
        self.stage.world.after(away, self.stage.world.loop.thaw, self.process)

    def stop(self) -> None:
        """SIGTERM."""
        self.stage.world.loop.call_soon(self.stopping.set, context=self.process.context)

    def _ended(self, process: Process, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        self.stage.world.say(f"{process} ended: {error!r} {getattr(error, 'exceptions', '')}")
        process.dead = True  # threads of a process end with it
        if process is self.process and not self.stage.world.over:
            self.stage.world.after(AGAIN_S, lambda: self.start() if process is self.process else None)

    async def _live(self, process: Process, stopping: asyncio.Event) -> None:
        """As `shared.runtime.main` puts a service together."""
        stage, db = self.stage, self.stage.database
        outside = self._outside(process)
        stores = SimulatedLanes(db, process), SimulatedBatches(db, process), SimulatedOutbox(db, process)
        parts = Parts(*stores, outside, SimulatedTopicIds(stage.world, stage.broker))
        service = service_of(SimulatedAdapter(stage.erp), stage.concurrency, stage.world.linger)
        engine = Engine(service, stage.settings, parts, JsonCodec(partial(self._die_of, process)))  # type: ignore[arg-type]
        engine.owning.tries = CLAIM_TRIES
        permits = SimulatedPermits(db, process, UUID(int=stage.world.random.getrandbits(128)))
        assert service.target is not None
        runner = Runner(service.target, SimulatedEffects(db, process), permits, stage.settings, engine.inbox.answered, outside)
        engine.intended, engine.backlog = runner.intended, lambda: runner.backlog
        stage.engines.append(engine)
        async with asyncio.TaskGroup() as group:
            loop = group.create_task(engine.run())
            calls = group.create_task(runner.run())
            group.create_task(_stopped(stopping, engine, runner, loop, calls))

    def _outside(self, process: Process) -> Outside:
        world, broker, group = self.stage.world, self.stage.broker, self.stage.group
        return Outside(
            lambda configuration: SimulatedConsumer(world, broker, group, process, configuration),
            lambda configuration: SimulatedProducer(world, broker, configuration),
            lambda name, count: TurnTaking(world.loop, process, world.strands, count, world.lateness),
            VirtualClock(world.loop),
            world.random.uniform,
        )

    def _die_of(self, process: Process) -> None:
        """Decoding this record takes the process with it."""
        self.stage.note("killed by a record", process)
        process.dead = True
        if process is self.process:
            self.crash(AGAIN_S)
        raise Killed


async def _stopped(stopping: asyncio.Event, engine: Engine, runner: Runner, loop: "asyncio.Task[None]", calls: "asyncio.Task[None]") -> None:
    """As `shared.runtime.main` does at SIGTERM."""
    await stopping.wait()
    engine.stop()
    runner.drain()
    await calls
    await runner.stop(DRAIN_S)
    await loop
