"""What waits to be published, lane by lane."""

import asyncpg

from shared.store.rows import Lane, OutboxRow

PENDING = """
select first, target, key, value, headers from outbox_page where topic = $1 and part = $2 and last > $3 order by last limit $4
"""
CLEAR = "delete from outbox_page where topic = $1 and part = $2 and last <= $3"
HEAD = "select head from lane where topic = $1 and part = $2"
PAGES = 4  # read at once


class OutboxStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def pending(self, lane: Lane, after: int, limit: int) -> list[OutboxRow]:
        """The next lines behind sequence `after`, `limit` at the most and a few pages of them; none when there are none."""
        pages = await self.pool.fetch(PENDING, *lane, after, PAGES)
        return [row for page in pages for row in _lines(*page.values()) if row.seq > after][:limit]

    async def clear(self, lane: Lane, upto: int) -> None:
        """Forget what the log holds for certain; a page goes when the log has all of it."""
        await self.pool.execute(CLEAR, *lane, upto)

    async def head(self, lane: Lane) -> int:
        return int(await self.pool.fetchval(HEAD, *lane))


def _lines(first: int, *columns: list[object]) -> list[OutboxRow]:
    return [OutboxRow(first + n, *line) for n, line in enumerate(zip(*columns, strict=True))]
