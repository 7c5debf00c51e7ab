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
CHANGING = ("erp_provisioning", "psa_sync", "visibility")  # services that change states they have, again and again
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
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
    """Takes the states of a service, waits until a transaction of it that moved its fence queues up behind, then wants the fences.

    PostgreSQL ends one of the two; which, is its own affair.
    """
    before = await db.fetchval(DEADLOCKS)
    for schema in rng.sample(CHANGING, len(CHANGING)):
        with suppress(asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError):
            async with db.transaction():
                await _cross(db, schema)
        for _ in range(10):
            if (now := await db.fetchval(DEADLOCKS)) > before:
                return int(now - before)
            await asyncio.sleep(0.1)
    return 0


async def _cross(db: asyncpg.Connection, schema: str) -> None:
    await db.execute(f"select from {schema}.state for update")
    for _ in range(60):
        if await db.fetchval(QUEUED, schema):
            await db.execute(f"set local lock_timeout = '{BEYOND_LOCK_TIMEOUT_S:.0f}s'")
            await db.execute(f"select from {schema}.lane for update")
            return
        await asyncio.sleep(0.1)


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
