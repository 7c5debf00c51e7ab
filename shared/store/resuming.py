"""Lanes that a person lets go on: what their rows say is changed, and who asked for it and why is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from shared.store.rows import Lane

LANES = "select topic, part, next, head, topic_id from lane order by topic, part"
STANDING = """
select (select count(*) from dead_letter where topic = $1 and resolved is null) + (select count(*) from held where topic = $1 and not released)
"""
# The epoch is another from here on: whatever an instance that still runs has in hand, it commits none of it.
TAKE = "update lane set epoch = epoch + 1 where topic = $1 and part = $2 returning head"
FIRST = "select min(first) from outbox_page where topic = $1 and part = $2"
# In two steps, as the numbers are the key and no two rows may have the same at any moment.
SHIFT = "update outbox_page set first = first + $3, last = -(last + $3), upto = null where topic = $1 and part = $2"
TURN = "update outbox_page set last = -last where topic = $1 and part = $2"
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

    async def letters(self, topic: str) -> int:
        """Dead letters of a topic that are not resolved, and records held behind them that nobody has set free."""
        return int(await self.pool.fetchval(STANDING, topic))

    async def renumber(self, lane: Lane, position: int, lost_commits: bool, signed: Signed) -> int:
        """Let the lane publish behind `position`. When commits were lost, what is left to publish was numbered anew from where they were lost:
        it gets numbers behind the position, all of it, as nobody can tell any more what of it is out. By how much the numbers moved."""
        async with self.pool.acquire() as db, db.transaction():
            head = await db.fetchval(TAKE, *lane)
            first = await db.fetchval(FIRST, *lane) or head + 1
            moved = max(0, position + 1 - first) if lost_commits else 0
            await db.execute(SHIFT, *lane, moved)
            await db.execute(TURN, *lane)
            await db.execute(HEAD, *lane, moved)
            detail = f"behind position {position}; numbers moved by {moved}"
            await db.execute(AUDIT, signed.who, signed.why, "followed the database", *lane, None, detail)
        return moved

    async def follow(self, stood: Standing, start: int, topic_id: str, signed: Signed) -> None:
        """Let the lane read the topic of that id from `start` on."""
        async with self.pool.acquire() as db, db.transaction():
            await db.fetchval(TAKE, *stood.lane)
            await db.execute(FOLLOW, *stood.lane, start, topic_id)
            detail = f"read topic {stood.topic_id} up to {stood.next}, now topic {topic_id}"
            await db.execute(AUDIT, signed.who, signed.why, "followed the topic", *stood.lane, start, detail)
