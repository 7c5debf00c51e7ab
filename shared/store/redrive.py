"""What a batch means for dead letters: those decided on again are resolved or stand, and what was held behind them follows in order.

Whoever holds a record back and whoever resolves a dead letter of the same key take the same lock, so that neither can miss the other.
"""

from asyncpg.pool import PoolConnectionProxy

from shared.store.rows import Batch, Lane

LOCK = """
select pg_advisory_xact_lock(h) from
  (select distinct hashtextextended(current_schema() || '/held/' || k, 0) as h from unnest($1::text[]) k order by h) x
"""
# "is not distinct from": an item is to be found by its number, not among all that are queued, of which the planner believes there are few.
NOTE = """
update redrive_item i set status = r.status, outcome = r.outcome, detail = r.detail, seq = r.seq, decided = now(),
  ended = case when r.status = 'decided' then null else now() end
from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::bigint[]) r(plan, n, status, outcome, detail, seq)
where i.plan = r.plan and i.n = r.n and i.status is not distinct from 'queued'
"""
AUDIT = """
insert into audit (who, why, what, plan, plan_hash, letter, topic, part, "offset", key, detail)
select coalesce(p.applied_by, p.who), p.why, 're-driven', p.id, p.hash, i.letter, i.topic, i.part, i."offset", i.key, i.outcome || ': ' || i.detail
from unnest($1::bigint[], $2::int[]) r(plan, n) join redrive_item i using (plan, n) join redrive_plan p on p.id = i.plan
"""
RESOLVE = """
update dead_letter d set resolved = now(), resolution = r.resolution
from unnest($1::bigint[], $2::text[]) r(id, resolution) where d.id = r.id and d.resolved is null
"""
# A letter that was decided on again fails late when its own record, or a call that followed, is buried anew.
FAIL = """
update redrive_item i set status = case when i.fingerprint = f.fingerprint then 'failed_same' else 'failed_new' end, detail = f.said, ended = now()
from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::bool[])
  f(key, topic, part, "offset", fingerprint, said, followed)
where i.status = 'decided' and i.key = f.key and (f.followed or (i.topic, i.part, i."offset") = (f.topic, f.part, f."offset"))
"""
# Answers and wake-ups of which nothing could be made; they go before what is held.
HEAR_AGAIN = """
update inbox b set due = now() where b.key = any($1::text[]) and b.due = 'infinity'
  and not exists (select from dead_letter d where d.key = b.key and d.resolved is null)
"""
# A letter that is closed for good takes with it what could not be heard: else it would be buried anew at once.
LEAVE_UNHEARD = """
delete from inbox b where b.key = any($1::text[]) and b.due = 'infinity' and b.kind in ('answered', 'woken')
  and not exists (select from dead_letter d where d.key = b.key and d.resolved is null)
"""
RELEASE = """
with freed as (
  update held h set released = true where h.key = any($1::text[]) and not h.released
    and not exists (select from dead_letter d where d.key = h.key and d.resolved is null)
  returning h.*)
insert into inbox (topic, part, key, kind, body)
select topic, part, key, 'released', convert_to(json_build_object('held', id, 'record', json_build_object(
  'topic', topic, 'part', part, 'offset', "offset", 'key', key, 'record_key', translate(encode(record_key, 'base64'), E'\\n', ''),
  'value', translate(encode(value, 'base64'), E'\\n', ''), 'headers', translate(encode(headers, 'base64'), E'\\n', '')))::text, 'UTF8')
from freed order by id
"""


async def lock(db: PoolConnectionProxy, batch: Batch) -> None:
    """Before anything of `batch` is written that holds records back or resolves a dead letter."""
    if keys := _keys(batch):
        await db.execute(LOCK, keys)


async def follow(db: PoolConnectionProxy, batch: Batch, heads: dict[Lane, int]) -> None:
    """After everything else of `batch` is written. `heads` are its lanes' outbox heads."""
    if batch.retried:
        await _retried(db, batch, heads)
    if batch.dead_letters:
        failed = ((d.record.key, *d.record.lane, d.record.offset, d.fingerprint, f"{d.code}: {d.message}", d.followed) for d in batch.dead_letters)
        await db.execute(FAIL, *(list(column) for column in zip(*failed, strict=True)))
    if batch.released:
        await db.execute("delete from held where id = any($1::bigint[])", batch.released)
    if batch.held_back:
        await db.execute("update held set released = false where id = any($1::bigint[])", [held for held, _ in batch.held_back])
    if keys := _keys(batch):
        await release(db, keys)


async def release(db: PoolConnectionProxy, keys: list[str]) -> None:
    """Send what is held of `keys` on its way, unless a dead letter of the key still stands. The caller holds their locks."""
    await db.execute(HEAR_AGAIN, keys)
    await db.execute(RELEASE, keys)


async def _retried(db: PoolConnectionProxy, batch: Batch, heads: dict[Lane, int]) -> None:
    rows = ((r.plan, r.n, r.status, r.outcome, r.detail, heads[r.lane]) for r in batch.retried)
    await db.execute(NOTE, *(list(column) for column in zip(*rows, strict=True)))
    await db.execute(AUDIT, [r.plan for r in batch.retried], [r.n for r in batch.retried])
    resolved = [r for r in batch.retried if r.resolution]
    await db.execute(RESOLVE, [r.letter for r in resolved], [r.resolution for r in resolved])


def _keys(batch: Batch) -> list[str]:
    held = {record.key for record in batch.held if record.key is not None}
    return sorted(held | {r.key for r in batch.retried} | {key for _, key in batch.held_back})
