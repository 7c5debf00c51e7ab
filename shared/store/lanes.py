"""The rows that fence each lane."""

from collections.abc import Mapping, Sequence

import asyncpg

from shared.store.rows import Lane, LaneRow

CLAIM = """
insert into lane as l (topic, part, epoch, claims, topic_id)
select t.topic, t.part, 1, 1, t.id from unnest($1::text[], $2::int[], $3::text[]) t(topic, part, id) order by 1, 2
on conflict (topic, part) do update set epoch = l.epoch + 1, claims = l.claims + 1, topic_id = coalesce(l.topic_id, excluded.topic_id)
returning topic, part, next, head, epoch, claims, suspect, exists (select from outbox_page o where o.topic = l.topic and o.part = l.part) as backlog,
  topic_id
"""
READ = """
select topic, part, next, head, epoch, claims, suspect, exists (select from outbox_page o where o.topic = l.topic and o.part = l.part) as backlog,
  topic_id
from lane l join unnest($1::text[], $2::int[]) t(topic, part) using (topic, part)
"""
SUSPECT = """
update lane set deaths = case when suspect is distinct from $3 then 1 when marked = $4 then deaths else deaths + 1 end, suspect = $3, marked = $4
where topic = $1 and part = $2 and epoch = $4 returning deaths
"""
# Of any owner: how often a record was noted is a sum, in whatever order its parts arrive.
SURVIVED = """
update lane set deaths = deaths - 1, suspect = case when deaths > 1 then suspect end, marked = case when marked = $4 then 0 else marked end
where topic = $1 and part = $2 and suspect = $3 and deaths > 0
"""
TIMELINE = "select id, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline from incarnation"


class LaneStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def claim(self, lanes: Sequence[Lane], topic_ids: Mapping[str, str]) -> list[LaneRow]:
        """Become the owner: from here on the previous owner's transactions match nothing. A lane keeps the topic id that it had first."""
        topics, parts = _columns(lanes)
        return [_row(r) for r in await self.pool.fetch(CLAIM, topics, parts, [topic_ids[topic] for topic in topics])]

    async def read(self, lanes: Sequence[Lane]) -> list[LaneRow]:
        return [_row(r) for r in await self.pool.fetch(READ, *_columns(lanes))]

    async def mark_suspect(self, lane: Lane, offset: int, epoch: int) -> int:
        """Note, before decoding it, the record that may kill this process; how often it was noted by now, under each epoch once.
        0 when the lane has another owner."""
        return int(await self.pool.fetchval(SUSPECT, *lane, offset, epoch) or 0)

    async def survived(self, lane: Lane, offset: int, epoch: int) -> None:
        """Take back what `mark_suspect` noted: the record did not end this process, though it is not committed either."""
        await self.pool.execute(SURVIVED, *lane, offset, epoch)

    async def incarnation(self) -> str:
        """Names this database and its timeline; another after a restore or a failover."""
        row = await self.pool.fetchrow(TIMELINE)
        if row is None:
            raise LookupError("the table incarnation is empty: run the preparation step, which fills it")
        return f"{row['id']}/{row['timeline']}"


def _columns(lanes: Sequence[Lane]) -> tuple[list[str], list[int]]:
    ordered = sorted(lanes)
    return [topic for topic, _ in ordered], [part for _, part in ordered]


def _row(r: asyncpg.Record) -> LaneRow:
    return LaneRow((r["topic"], r["part"]), r["next"], r["head"], r["epoch"], r["claims"], r["suspect"], r["backlog"], r["topic_id"])
