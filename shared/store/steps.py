"""Applies a plan in steps that grow: the next begins when all of the last has ended well, so a cause that is not cured costs one letter."""

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.store.plans import COUNTS, Row, counted

BEGUN = "insert into audit (who, why, what, plan, plan_hash) select $2, why, 'apply begun', id, hash from redrive_plan where id = $1"
STEPPED = "update redrive_plan set status = 'running', rung = rung + 1, applied_by = $2 where id = $1"
LADDER = (1, 5, 20, 100, 500, 2000, 5000)
LAST_ITEM = 2**31 - 1
# Keys that are not at rest are found once, not for each letter: the tables change too fast for the planner to know how many there are.
SETTLE = """
with settled as (
update redrive_item i set ended = now(), status = case when exists (select from wait w where w.key = i.key) then 'waiting' else 'confirmed' end
where i.plan = $1 and i.status = 'decided'
  and coalesce(i.key, '') not in (
    select key from effect where status in ('open', 'claimed')
    union all select key from inbox where kind in ('answered', 'woken') and due < 'infinity')
  and not exists (select from outbox_page o where o.topic = i.topic and o.part = i.part and o.first <= i.seq)
returning i.status)
update redrive_plan p set confirmed = p.confirmed + s.confirmed, waiting = p.waiting + s.waiting
from (select count(*) filter (where status = 'confirmed') as confirmed, count(*) filter (where status = 'waiting') as waiting from settled) s
where p.id = $1 and s.confirmed + s.waiting > 0
"""
WITHDRAW = """
with taken as (delete from inbox b using redrive_item i where i.plan = $1 and i.status = 'queued' and b.id = i.inbox returning i.n)
update redrive_item i set status = 'pending', inbox = null from taken where i.plan = $1 and i.n = taken.n
"""
NEXT = """
select n, letter from redrive_item
where plan = $1 and status = 'pending' and verdict in ('apply', 'already applied', 'superseded') order by n limit $2
"""
LETTERS = "select id from dead_letter where id = any($1::bigint[]) order by id for update"
MOVED = """
select i.n, i.topic, i.part, i."offset", i.key,
  case when d.resolved is not null then 'was resolved' when sha256(coalesce(d.value, '')) <> i.digest then 'was edited'
    else 'is being decided on by another plan' end as why
from redrive_item i join dead_letter d on d.id = i.letter
where i.plan = $1 and i.status = 'pending' and i.verdict in ('apply', 'already applied', 'superseded') and i.n <= $2
  and (d.resolved is not null
  or sha256(coalesce(d.value, '')) <> i.digest or exists (select from redrive_item q where q.letter = i.letter and q.status = 'queued'))
union all
select i.n, i.topic, i.part, i."offset", r.key, 'has changed'
from redrive_item i cross join lateral json_each_text(i.reads::json) r left join state s on s.key = r.key
where i.plan = $1 and i.status = 'pending' and i.verdict in ('apply', 'already applied', 'superseded') and i.n <= $2
  and coalesce(s.version, 0) <> r.value::bigint
order by n limit 1
"""
QUEUE = """
with next as materialized (
  select n, nextval(pg_get_serial_sequence('inbox', 'id')) as inbox from unnest($2::int[]) with ordinality x(n, place) order by place),
queued as (
  update redrive_item i set status = 'queued', inbox = next.inbox from next where i.plan = $1 and i.n = next.n returning i.*)
insert into inbox (id, topic, part, key, kind, body) overriding system value
select q.inbox, d.topic, d.part, coalesce(d.key, ''), 'redriven', convert_to(json_build_object(
  'letter', json_build_object('plan', q.plan, 'n', q.n, 'id', d.id, 'fingerprint', d.fingerprint, 'attempts', d.attempts, 'reads', q.reads::json,
    'calls', (select coalesce(json_agg(c -> 'id'), '[]'::json) from json_array_elements(q.calls::json) c)),
  'record', json_build_object('topic', d.topic, 'part', d.part, 'offset', d."offset", 'key', d.key,
    'record_key', translate(encode(d.record_key, 'base64'), E'\\n', ''), 'value', translate(encode(d.value, 'base64'), E'\\n', ''),
    'headers', translate(encode(d.headers, 'base64'), E'\\n', '')))::text, 'UTF8')
from queued q join dead_letter d on d.id = q.letter order by q.inbox
"""


class StepStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def advance(self, plan: int, who: str) -> Row:
        """Confirm what has ended, and queue the next step when all of the last one has. The plan's row afterwards."""
        async with self.pool.acquire() as db, db.transaction():
            row = await db.fetchrow("select * from redrive_plan where id = $1 for update", plan)
            assert row is not None
            if row["status"] in ("ready", "running"):
                await self._advance(db, dict(row), who)
            return dict(await db.fetchrow("select * from redrive_plan where id = $1", plan))  # type: ignore[arg-type]

    async def _advance(self, db: PoolConnectionProxy, plan: Row, who: str) -> None:
        await db.execute(SETTLE, plan["id"])
        counts = await _counts(db, plan["id"])
        if any(counts.get(status) for status in ("failed_same", "failed_new", "moved")):
            await db.execute(WITHDRAW, plan["id"])
            counts = await _counts(db, plan["id"])
            if not counts.get("queued") and not counts.get("decided"):
                await _end(db, plan["id"], "stopped", _why_stopped(counts))
        elif not counts.get("queued") and not counts.get("decided"):
            if counts.get("pending"):
                await self._queue(db, plan, who)
            else:
                await _end(db, plan["id"], "ended", "")

    async def _queue(self, db: PoolConnectionProxy, plan: Row, who: str) -> None:
        size = LADDER[min(plan["rung"], len(LADDER) - 1)]
        rows = await db.fetch(NEXT, plan["id"], size)
        await db.execute(LETTERS, [r["letter"] for r in rows])
        upto = rows[-1]["n"] if plan["status"] == "running" else LAST_ITEM  # at first the whole plan is held to what it saw
        if gone := await db.fetchrow(MOVED, plan["id"], upto):
            status = "stopped" if plan["status"] == "running" else "refused"
            await _end(db, plan["id"], status, _why_moved(dict(gone)))
            return
        await db.execute(QUEUE, plan["id"], [r["n"] for r in rows])
        await db.execute(STEPPED, plan["id"], who)
        if plan["status"] == "ready":
            await db.execute(BEGUN, plan["id"], who)


async def _counts(db: PoolConnectionProxy, plan: int) -> dict[str, int]:
    return counted(await db.fetch(COUNTS, plan))


async def _end(db: PoolConnectionProxy, plan: int, status: str, said: str) -> None:
    await db.execute("update redrive_plan set status = $2, said = $3, ended = now() where id = $1", plan, status, said)


def _why_stopped(counts: dict[str, int]) -> str:
    same, new, moved = (counts.get(status, 0) for status in ("failed_same", "failed_new", "moved"))
    said = [f"{same} failed for the same cause as before"] * bool(same) + [f"{new} failed for another cause"] * bool(new)
    said += [f"{moved} could not be decided as planned"] * bool(moved)
    return f"stopped at this step: {', '.join(said)}; what was not begun is untouched"


def _why_moved(row: Row) -> str:
    if row["why"] == "has changed":
        return f"The state of {row['key']} has changed since the plan was made: nothing of it can be believed any more, plan anew."
    return f"The dead letter of {row['topic']}/{row['part']}:{row['offset']} {row['why']} since the plan was made: plan anew."
