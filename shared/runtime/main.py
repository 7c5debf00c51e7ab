"""Runs one service: its loop, its calls, its companions and its status, until it is asked to stop or something fails for good."""

import asyncio
import gc
import signal
import sys
from dataclasses import dataclass, field
from uuid import uuid4

import asyncpg
import uvloop

from shared.runtime.consumer import OffsetGone
from shared.runtime.decision import Service
from shared.runtime.engine import Engine
from shared.runtime.identity import KafkaTopicIds
from shared.runtime.learning import learn
from shared.runtime.outside import OUTSIDE
from shared.runtime.owning import DatabaseChanged, LaneLost
from shared.runtime.ports import Parts
from shared.runtime.runner import Runner
from shared.runtime.settings import RuntimeSettings
from shared.runtime.status import Status
from shared.store.batches import BatchStore
from shared.store.effects import EffectStore
from shared.store.lanes import LaneStore
from shared.store.outbox import OutboxStore
from shared.store.permits import PermitStore
from shared.store.pool import open_pool
from shared.telemetry import logs, tracing
from shared.wire.codec import Codec
from shared.wire.registry import Registry

log = logs.get(__name__)
GC_THRESHOLD = (50_000, 20, 50)  # batches make many short-lived objects and no cycles worth looking for that often


@dataclass(slots=True)
class Runtime:
    """What a companion is given. It returns soon after `stopping` is set."""

    service: Service
    settings: RuntimeSettings
    pool: asyncpg.Pool
    codec: Codec
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def run(service: Service, settings: RuntimeSettings) -> None:
    """Returns after SIGTERM or SIGINT; exits with 1 when the service cannot go on, for its supervisor to start it again."""
    logs.configure(service.name, settings.log_level)
    tracing.configure(service.name, settings.otlp_endpoint, settings.trace_ratio)
    gc.set_threshold(*GC_THRESHOLD)
    try:
        uvloop.run(serve(service, settings))
    except* (DatabaseChanged, LaneLost, OffsetGone) as stopped:
        for reason in stopped.exceptions:
            log.critical("stopped", reason=str(reason))
        sys.exit(1)
    finally:
        tracing.shutdown()


async def serve(service: Service, settings: RuntimeSettings) -> None:
    """Everything of one service in one scope: when one part fails, all end."""
    pool = await open_pool(settings.postgres.get_secret_value(), settings.pool_size)
    runtime = Runtime(service, settings, pool, Codec(Registry(settings.registry)))
    engine = Engine(service, settings, parts_of(service, settings, pool), runtime.codec)
    runner = runner_of(service, settings, pool, engine)
    status = await Status(engine, pool, settings, runner).serve()
    _on_signal(runtime.stopping)
    log.info("started", topics=[route.topic for route in service.routes])
    try:
        await _in_one_scope(service, runtime, engine, runner)
    finally:
        await status.cleanup()
        await pool.close()
    log.info("stopped")


async def _in_one_scope(service: Service, runtime: Runtime, engine: Engine, runner: Runner | None) -> None:
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(_loop(runtime, engine), name="engine")
        calls = group.create_task(runner.run(), name="runner") if runner else None
        for companion in service.companions:
            group.create_task(companion(runtime), name=companion.__name__)
        group.create_task(_stop(runtime, engine, runner, loop, calls), name="stop")


async def _loop(runtime: Runtime, engine: Engine) -> None:
    """No lane is claimed before this process can publish what it decides."""
    await learn(runtime.service.name, runtime.codec, runtime.stopping)
    if not runtime.stopping.is_set():
        await engine.run()


def parts_of(service: Service, settings: RuntimeSettings, pool: asyncpg.Pool) -> Parts:
    batches = BatchStore(pool, service.project, settings.wake_per_second)
    return Parts(LaneStore(pool), batches, OutboxStore(pool), OUTSIDE, KafkaTopicIds(settings.kafka))


def runner_of(service: Service, settings: RuntimeSettings, pool: asyncpg.Pool, engine: Engine) -> Runner | None:
    if service.target is None:
        return None
    effects, permits = EffectStore(pool), PermitStore(pool, uuid4())
    runner = Runner(service.target, effects, permits, settings, engine.inbox.answered, engine.parts.outside)
    engine.intended, engine.backlog = runner.intended, lambda: runner.backlog
    return runner


def _on_signal(stopping: asyncio.Event) -> None:
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)


async def _stop(runtime: Runtime, engine: Engine, runner: Runner | None, loop: "asyncio.Task[None]", calls: "asyncio.Task[None] | None") -> None:
    """Drain in order: take nothing new, finish the batch, publish what is committed, let calls under way end."""
    await runtime.stopping.wait()
    log.info("draining")
    engine.stop()
    if runner and calls:
        runner.drain()
        await calls  # claims nothing any more
        await runner.stop(runtime.settings.drain_s)
    await loop
