"""What waits to be published, lane by lane."""

import asyncpg

from shared.store.rows import Lane, OutboxRow

PENDING = "select seq, target, key, value, headers from outbox where topic = $1 and part = $2 and seq > $3 order by seq limit $4"
CLEAR = "delete from outbox where topic = $1 and part = $2 and seq <= $3"
HEAD = "select head from lane where topic = $1 and part = $2"


class OutboxStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def pending(self, lane: Lane, after: int, limit: int) -> list[OutboxRow]:
        return [OutboxRow(*r.values()) for r in await self.pool.fetch(PENDING, *lane, after, limit)]

    async def clear(self, lane: Lane, upto: int) -> None:
        """Forget what the log holds for certain."""
        await self.pool.execute(CLEAR, *lane, upto)

    async def head(self, lane: Lane) -> int:
        return int(await self.pool.fetchval(HEAD, *lane))
