"""What befalls PostgreSQL's sessions: locks, deadlocks, ended connections, none left."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg

from tests.faults.arena import Arena
from tests.faults.injectors.kinds import Act, Fault

FENCED = ("contract_events", "master_data", "erp_provisioning", "psa_sync", "visibility")
BEYOND_LOCK_TIMEOUT_S = 4.0
QUEUED = "select count(*) from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'"


def with_database(work: Callable[[asyncpg.Connection, Arena, random.Random], Awaitable[int]]) -> Act:
    async def connected(arena: Arena, rng: random.Random) -> int:
        db = await asyncpg.connect(arena.plan.admin_dsn, timeout=10)
        try:
            return await work(db, arena, rng)
        finally:
            with suppress(Exception):
                await db.close(timeout=5)

    return lambda arena, rng: asyncio.run(connected(arena, rng))


async def fence_held(db: asyncpg.Connection, arena: Arena, rng: random.Random) -> int:
    """Every lane's row of one service, for longer than its lock timeout."""
    async with db.transaction():
        held = await db.fetch(f"select 1 from {rng.choice(FENCED)}.lane for update")
        await asyncio.sleep(BEYOND_LOCK_TIMEOUT_S)
    return int(bool(held))


async def deadlocked(db: asyncpg.Connection, arena: Arena, rng: random.Random) -> int:
    """Takes a service's last lane, waits until a transaction of it queues up behind, then takes the lanes that one may hold already."""
    schema = rng.choice(FENCED[2:])  # services with lanes of several topics
    with suppress(asyncpg.DeadlockDetectedError):
        async with db.transaction():
            rows = await db.fetch(f"select topic, part from {schema}.lane order by 1 desc, 2 desc")
            await _lock(db, schema, rows[:1])
            for _ in range(60):
                if queued := await db.fetchval(QUEUED, schema):
                    break
                await asyncio.sleep(0.1)
            await _lock(db, schema, rows[1:])
        return int(queued > 0)
    return 1


async def _lock(db: asyncpg.Connection, schema: str, rows: list[asyncpg.Record]) -> None:
    for row in rows:
        await db.execute(f"update {schema}.lane set next = next where topic = $1 and part = $2", *row.values())


async def sessions_ended(db: asyncpg.Connection, arena: Arena, rng: random.Random) -> int:
    ended = await db.fetch("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", rng.choice(FENCED))
    return int(bool(ended))


async def statements_cancelled(db: asyncpg.Connection, arena: Arena, rng: random.Random) -> int:
    """Whatever the services have under way, ten times over three seconds."""
    struck = 0
    for _ in range(30):
        struck += len(await db.fetch("select pg_cancel_backend(pid) from pg_stat_activity where usename = any($1) and state <> 'idle'", list(FENCED)))
        await asyncio.sleep(0.1)
    return int(struck > 0)


async def sessions_taken(db: asyncpg.Connection, arena: Arena, rng: random.Random) -> int:
    """One service may open no more connections, and loses those it has."""
    service = rng.choice(FENCED)
    await db.execute(f"alter role {service} connection limit 0")
    try:
        await db.fetch("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", service)
        await asyncio.sleep(4)
    finally:
        await db.execute(f"alter role {service} connection limit -1")
    return 1


FAULTS = (
    Fault("fence rows locked beyond the lock timeout", 17, with_database(fence_held)),
    Fault("rows taken in the opposite order", 18, with_database(deadlocked)),
    Fault("a service's sessions ended", 19, with_database(sessions_ended)),
    Fault("statements cancelled", 19, with_database(statements_cancelled)),
    Fault("no connection left for a service", 19, with_database(sessions_taken)),
)
