"""What waits to be published, lane by lane."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from shared.store.pages import BYTES, place_of
from shared.store.rows import Lane, OutboxRow, Place

PENDING = """
select first, target, key, value, headers, coalesce(behind, array_fill(null::text, array[cardinality(target)])) from (
  select *, sum(pg_column_size(value)) over (order by last) - pg_column_size(value) as before from outbox_page
  where topic = $1 and part = $2 and last > $3 and first <= $3 + $4) p
where before < $5 order by last
"""
# A page that is out in part says how far, or two lanes would wait for each other's pages.
CLEAR = """
with gone as (delete from outbox_page where topic = $1 and part = $2 and last <= $3)
update outbox_page set upto = $3 where topic = $1 and part = $2 and first <= $3 and last > $3
"""
OUT = """
select exists (select from outbox_page o where o.topic = b.topic and o.part = b.part and o.first <= b.seq and coalesce(o.upto, 0) < b.seq)
from unnest($1::text[], $2::int[], $3::bigint[]) with ordinality b(topic, part, seq, n) order by n
"""
HEAD = "select head from lane where topic = $1 and part = $2"


class OutboxStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def pending(self, lane: Lane, after: int, limit: int) -> list[OutboxRow]:
        """The next lines behind sequence `after`, `limit` at the most, fewer when they are large; none when there are none."""
        pages = await self.pool.fetch(PENDING, *lane, after, limit, BYTES)
        return [row for page in pages for row in _lines(*page.values()) if row.seq > after][:limit]

    async def clear(self, lane: Lane, upto: int) -> None:
        """Forget what the log holds for certain; a page goes when the log has all of it."""
        await self.pool.execute(CLEAR, *lane, upto)

    async def unpublished(self, places: Sequence[Place]) -> set[Place]:
        """Which of these lines may not be in the log yet."""
        waiting = await self.pool.fetch(OUT, *(list(column) for column in zip(*places, strict=True)))
        return {place for place, (there,) in zip(places, waiting, strict=True) if there}

    async def head(self, lane: Lane) -> int:
        return int(await self.pool.fetchval(HEAD, *lane))


def _lines(first: int, *columns: list[Any]) -> list[OutboxRow]:
    lines = enumerate(zip(*columns, strict=True))
    return [OutboxRow(first + n, t, k, v, h, place_of(behind) if behind else None) for n, (t, k, v, h, behind) in lines]
