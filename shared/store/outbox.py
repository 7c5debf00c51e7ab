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
NEXT = """
select (select greatest(o.first, coalesce(o.upto, 0) + 1) from outbox_page o where (o.topic, o.part) = (b.topic, b.part) order by o.last limit 1)
from unnest($1::text[], $2::int[]) with ordinality b(topic, part, n) order by n
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

    async def unpublished(self, places: Sequence[Place]) -> dict[Place, int]:
        """Which of these lines may not be in the log yet, each with the sequence that its lane publishes next."""
        lanes = sorted({place[:2] for place in places})
        found = await self.pool.fetch(NEXT, [topic for topic, _ in lanes], [part for _, part in lanes])
        next_out = {lane: seq for lane, (seq,) in zip(lanes, found, strict=True) if seq is not None}
        return {place: next_out[place[:2]] for place in places if next_out.get(place[:2], place[2] + 1) <= place[2]}

    async def head(self, lane: Lane) -> int:
        return int(await self.pool.fetchval(HEAD, *lane))


def _lines(first: int, *columns: list[Any]) -> list[OutboxRow]:
    lines = enumerate(zip(*columns, strict=True))
    return [OutboxRow(first + n, t, k, v, h, place_of(behind) if behind else None) for n, (t, k, v, h, behind) in lines]
