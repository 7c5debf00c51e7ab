"""One Postgres transaction a record: how a service without micro-batches keeps the job's state. Used by the two asyncpg peers."""

from typing import Any

import asyncpg
import orjson  # type: ignore[import-not-found]

from tests.bench.job import Order, decide

TABLE = "create table contract (id text primary key, body bytea not null)"
READ = "select body from contract where id = $1 for update"
SAVE = "insert into contract values ($1, $2) on conflict (id) do update set body = excluded.body"


async def opened(dsn: str, size: int) -> Any:
    pool = await asyncpg.create_pool(dsn, min_size=size, max_size=size)
    await pool.execute(TABLE)
    return pool


async def decided(pool: Any, order: Order) -> Order | None:
    """Keep what follows from the order; what is to be published."""
    async with pool.acquire() as db, db.transaction():
        row = await db.fetchrow(READ, order["contract_id"])
        after, published = decide(orjson.loads(row["body"]) if row else None, order)
        await db.execute(SAVE, order["contract_id"], orjson.dumps(after))
    return published
