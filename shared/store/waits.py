"""Who waits for what. A waiter and a supplier of the same key take the same lock, so that neither can miss the other."""

import msgspec
from asyncpg.pool import PoolConnectionProxy

from shared.store.rows import Batch

LOCK = """
select pg_advisory_xact_lock(h) from (select distinct hashtextextended(current_schema() || ':' || k, 0) as h from unnest($1::text[]) k order by h) x
"""
CLEAR = """
delete from wait w where key = any($1::text[])
and not exists (select from unnest($2::text[], $3::text[]) n(key, wait_key) where n.key = w.key and n.wait_key = w.wait_key)
"""
ADD = """
insert into wait (key, wait_key, queue, reason, amount, currency, topic, part, trace)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::text[], $8::int[], $9::text[])
on conflict (key, wait_key) do update set queue = excluded.queue, reason = excluded.reason, amount = excluded.amount, currency = excluded.currency
"""
# Supplied between the decision's read and this lock: the waiter would sleep for ever, so it is woken at once.
MISSED = """
select w.key, w.wait_key from unnest($1::text[], $2::text[], $3::bigint[]) w(key, wait_key, read)
join state s on s.key = w.wait_key where s.version <> w.read
"""
WAITERS = "select key, wait_key, topic, part, trace from wait where wait_key = any($1::text[]) order by since, key"
WAKE = """
insert into inbox (topic, part, key, kind, body, trace, due)
select topic, part, key, 'woken', body, trace, now() + make_interval(secs => after)
from unnest($1::text[], $2::int[], $3::text[], $4::bytea[], $5::text[], $6::float8[]) x(topic, part, key, body, trace, after)
"""


async def replace(db: PoolConnectionProxy, batch: Batch) -> None:
    """The waits of every rewaited key become those of the batch."""
    keys = {w.wait_key for w in batch.waits} | set(batch.supplies)
    if keys:
        await db.execute(LOCK, list(keys))
    if batch.rewaited:
        await db.execute(CLEAR, batch.rewaited, [w.key for w in batch.waits], [w.wait_key for w in batch.waits])
    if batch.waits:
        rows = ((w.key, w.wait_key, w.queue, w.reason, w.amount, w.currency, *w.lane, w.trace) for w in batch.waits)
        await db.execute(ADD, *(list(column) for column in zip(*rows, strict=True)))


async def wake(db: PoolConnectionProxy, batch: Batch, per_second: float) -> None:
    """Waiters of the supplied keys go to their lanes' inboxes, spread so that a crowd does not arrive at once."""
    supplied = list(batch.supplies)
    looked = [w for w in batch.waits if w.read is not None]
    if looked:
        missed = await db.fetch(MISSED, [w.key for w in looked], [w.wait_key for w in looked], [w.read for w in looked])
        await _send(db, [_as_waiter(batch, r["key"], r["wait_key"]) for r in missed if r["wait_key"] not in supplied], per_second)
    if supplied:
        await _send(db, [tuple(r.values()) for r in await db.fetch(WAITERS, supplied)], per_second)


def _as_waiter(batch: Batch, key: str, wait_key: str) -> tuple[str, str, str, int, str | None]:
    found = next(w for w in batch.waits if w.key == key and w.wait_key == wait_key)
    return key, wait_key, *found.lane, found.trace


async def _send(db: PoolConnectionProxy, waiters: list[tuple[str, str, str, int, str | None]], per_second: float) -> None:
    if not waiters:
        return
    await db.execute(
        WAKE,
        [topic for _, _, topic, _, _ in waiters],
        [part for _, _, _, part, _ in waiters],
        [key for key, *_ in waiters],
        [msgspec.json.encode({"wait_key": wait_key}) for _, wait_key, *_ in waiters],
        [trace for *_, trace in waiters],
        [i / per_second for i in range(len(waiters))],
    )
