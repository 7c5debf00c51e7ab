"""Lanes that a person lets go on: what their rows say is changed, and who asked for it and why is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.store.pages import place_text
from shared.store.rows import Lane

LANES = "select topic, part, next, head, topic_id from lane order by topic, part"
STANDING = """
select (select count(*) from dead_letter where topic = $1 and part = any($2::int[]) and resolved is null)
  + (select count(*) from held where topic = $1 and part = any($2::int[]) and not released)
"""
# The epoch is another from here on: whatever an instance that still runs has in hand, it commits none of it.
TAKE = "update lane set epoch = epoch + 1 where topic = $1 and part = $2 returning head"
FIRST = "select min(first) from outbox_page where topic = $1 and part = $2"
# In two steps, as the numbers are the key and no two rows may have the same at any moment.
SHIFT = "update outbox_page set first = first + $3, last = -(last + $3), upto = null where topic = $1 and part = $2"
TURN = "update outbox_page set last = -last where topic = $1 and part = $2"
# Who named a number that has moved names the new one.
TOLD = """
update state set told = $1 || substr(told, length($1) + 1)::bigint + $3
where case when starts_with(told, $1) then substr(told, length($1) + 1)::bigint >= $2 else false end
"""
BEHIND = """
update outbox_page set behind = (
  select array_agg(case when starts_with(b, $1) then case when substr(b, length($1) + 1)::bigint >= $2
    then $1 || substr(b, length($1) + 1)::bigint + $3 else b end else b end order by n) from unnest(behind) with ordinality x(b, n))
where exists (select from unnest(behind) b where starts_with(b, $1))
"""
RETRIED = "update redrive_item set seq = seq + $4 where topic = $1 and part = $2 and seq >= $3 and status = 'decided'"
HEAD = "update lane set head = head + $3 where topic = $1 and part = $2"
FOLLOW = "update lane set next = $3, topic_id = $4 where topic = $1 and part = $2"
AUDIT = 'insert into audit (who, why, what, topic, part, "offset", detail) values ($1, $2, $3, $4, $5, $6, $7)'


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lane stands: the offset it reads next, the number it gave out last, and the topic it counts in."""

    lane: Lane
    next: int
    head: int
    topic_id: str | None


@dataclass(frozen=True, slots=True)
class Signed:
    who: str
    why: str


class ResumeStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def lanes(self) -> Sequence[Standing]:
        return [Standing((r["topic"], r["part"]), r["next"], r["head"], r["topic_id"]) for r in await self.pool.fetch(LANES)]

    async def letters(self, topic: str, parts: Sequence[int]) -> int:
        """Dead letters of these partitions that are not resolved, and records held behind them that nobody has set free."""
        return int(await self.pool.fetchval(STANDING, topic, list(parts)))

    async def renumber(self, lane: Lane, position: int, lost_commits: bool, signed: Signed) -> int:
        """Let the lane publish behind `position`. When commits were lost, what is left to publish was numbered anew from where they were lost:
        it gets numbers behind the position, all of it, as nobody can tell any more what of it is out. By how much the numbers moved."""
        async with self.pool.acquire() as db, db.transaction():
            head = await db.fetchval(TAKE, *lane)
            first = await db.fetchval(FIRST, *lane) or head + 1
            moved = max(0, position + 1 - first) if lost_commits else 0
            if moved:
                await _move(db, lane, first, moved)
            lost = "commits" if lost_commits else "nothing"
            detail = f"lost {lost}; head {head}, first to be published {first}, goes on behind {position}, numbers moved by {moved}"
            await db.execute(AUDIT, signed.who, signed.why, "followed the database", *lane, None, detail)
        return moved

    async def follow(self, stood: Standing, start: int, topic_id: str, signed: Signed) -> None:
        """Let the lane read the topic of that id from `start` on."""
        async with self.pool.acquire() as db, db.transaction():
            await db.fetchval(TAKE, *stood.lane)
            await db.execute(FOLLOW, *stood.lane, start, topic_id)
            detail = f"read topic {stood.topic_id} up to {stood.next}, now topic {topic_id} from {start}"
            await db.execute(AUDIT, signed.who, signed.why, "followed the topic", *stood.lane, start, detail)


async def _move(db: PoolConnectionProxy, lane: Lane, first: int, by: int) -> None:
    here = place_text((*lane, 0)).removesuffix("0")
    await db.execute(SHIFT, *lane, by)
    await db.execute(TURN, *lane)
    await db.execute(TOLD, here, first, by)
    await db.execute(BEHIND, here, first, by)
    await db.execute(RETRIED, *lane, first, by)
    await db.execute(HEAD, *lane, by)
