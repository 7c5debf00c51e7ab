"""Reads what a batch of decisions needs, and commits all that it led to in one transaction."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.store import pages, redrive, waits
from shared.store.pages import place_of, place_text
from shared.store.rows import Batch, Fence, InboxRow, Lane, OutboxRow, Place, Publication, StateRow, inbox_row

STATES = """
select k as key, s.version, s.waiting, s.body, s.origin, s.told, exists (select from held h where h.key = k) as holding,
  exists (select from dead_letter d where d.key = k and d.resolved is null) as stopped
from unnest($1::text[]) k left join state s on s.key = k
"""
DUE = """
select id, topic, part, key, kind, body, trace from inbox join unnest($1::text[], $2::int[]) t(topic, part) using (topic, part)
where due <= now() order by id limit $3
"""
FENCE = """
update lane l set next = f.new, head = head + f.n, claims = case when f.new > f.old then 0 else l.claims end,
  suspect = case when f.new > f.old then null else l.suspect end, deaths = case when f.new > f.old then 0 else l.deaths end
from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::int[], $6::bigint[]) f(topic, part, old, new, epoch, n)
where l.topic = f.topic and l.part = f.part and l.next = f.old and l.epoch = f.epoch
returning l.topic, l.part, l.head
"""
SAVE = """
insert into state as s (key, version, waiting, body, origin, told)
select * from unnest($1::text[], $2::bigint[], $3::bool[], $4::bytea[], $5::bytea[], $6::text[])
on conflict (key) do update set version = excluded.version, waiting = excluded.waiting, body = excluded.body,
  origin = coalesce(excluded.origin, s.origin), told = coalesce(excluded.told, s.told)
where s.version = excluded.version - 1
"""
# What was remembered rather than read: changed by somebody, or stopped by a dead letter. Versions of what is saved are checked by saving it;
# a row that is gone is not noticed then, but only a rebuild takes rows away, and of keys that nobody remembers.
BELIEVED = """
select (
    select count(*) from unnest($1::text[], $2::bigint[]) b(key, version) left join state s using (key) where s.version is distinct from b.version)
  + case when exists (select from held) or exists (select from dead_letter where resolved is null) then (
    select count(*) from unnest($3::text[]) b(key) where exists (select from held h where h.key = b.key)
      or exists (select from dead_letter d where d.key = b.key and d.resolved is null)) else 0 end
"""
# An intent that comes again after it ended (an amendment taken back) is opened again; one still open is left alone.
INTEND = """
insert into effect as e (id, topic, part, key, step, target, content, trace, behind, turn)
select n.*, now() + make_interval(secs => case when n.behind then 30 else 0 end)
from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::text[], $9::bool[])
  n(id, topic, part, key, step, target, content, trace, behind)
on conflict (id) do update set status = 'open', round = e.round + 1, attempts = 0, created = now(), doubtful = false, due = now(),
  behind = excluded.behind, turn = excluded.turn, ended = null, claim = null, trace = excluded.trace, topic = excluded.topic, part = excluded.part
where e.status in ('done', 'rejected')
"""
BURY = """
insert into dead_letter as d (topic, part, "offset", key, record_key, value, headers, code, message, fingerprint, attempts)
select n.topic, n.part, n."offset", n.key, n.record_key, n.value, n.headers, n.code, n.message, n.fingerprint,
  n.attempts + coalesce((select max(b.attempts) from dead_letter b where (b.topic, b.part, b."offset") = (n.topic, n.part, n."offset")), 0)
from unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::bytea[],
  $8::text[], $9::text[], $10::text[], $11::int[]) n(topic, part, "offset", key, record_key, value, headers, code, message, fingerprint, attempts)
on conflict (topic, part, "offset", fingerprint) where resolved is null do update set attempts = excluded.attempts
"""
FORGET = "delete from inbox where id = any($1::bigint[])"
PUT_OFF = "update inbox set due = 'infinity' where id = any($1::bigint[])"

REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.CardinalityViolationError, asyncpg.ProgramLimitExceededError)
"""What PostgreSQL raises for content that it will never take."""

Project = Callable[[PoolConnectionProxy, Sequence[Any]], Awaitable[None]]


class Fenced(Exception):
    """Another owner has these lanes, or the batch was committed before."""

    def __init__(self, lanes: Collection[Lane]) -> None:
        super().__init__(f"lanes {sorted(lanes)} have moved on without this process")
        self.lanes = lanes


class Conflict(Exception):
    """A state was changed by another lane between reading and writing; decide again."""


class BatchStore:
    def __init__(self, pool: asyncpg.Pool, project: Project | None = None, wake_per_second: float = 200.0) -> None:
        self.pool, self.project, self.wake_per_second = pool, project, wake_per_second

    async def load(self, keys: Collection[str]) -> dict[str, StateRow]:
        """A row for every key asked for; one that was never saved has version 0."""
        rows = await self.pool.fetch(STATES, list(keys))
        return {r["key"]: _state(r) for r in rows}

    async def due(self, lanes: Sequence[Lane], limit: int) -> list[InboxRow]:
        rows = await self.pool.fetch(DUE, [t for t, _ in lanes], [p for _, p in lanes], limit)
        return [inbox_row(r) for r in rows]

    async def commit(self, batch: Batch) -> dict[Lane, list[OutboxRow]]:
        """Write `batch` or nothing; what is to be published comes back numbered. Raises Fenced or Conflict."""
        async with self.pool.acquire() as db, db.transaction():
            heads = await _move_fences(db, batch.fences, batch.publications)
            await _check(db, batch)
            numbered = number(batch.publications, heads, batch.told)
            await _save(db, batch)
            await pages.write(db, numbered, batch.journal)
            await redrive.lock(db, batch)
            await _keep(db, batch)
            await redrive.follow(db, batch, heads)
            await waits.replace(db, batch)
            await waits.wake(db, batch, self.wake_per_second)
            if batch.rows and self.project:
                await self.project(db, batch.rows)
        return numbered


def number(publications: Sequence[Publication], heads: dict[Lane, int], told: dict[str, Place | None]) -> dict[Lane, list[OutboxRow]]:
    """Sequence numbers that end at each lane's new head: the fence row gave them out, so they are dense and in commit order.

    `told` is brought up to date.
    """
    left = Counter(publication.lane for publication in publications)
    numbered: dict[Lane, list[OutboxRow]] = {lane: [] for lane in left}
    for p in publications:
        left[p.lane] -= 1
        seq = heads[p.lane] - left[p.lane]
        numbered[p.lane].append(OutboxRow(seq, p.target, p.key, p.value, p.headers, _next(told, p.state, (*p.lane, seq)) if p.state else None))
    return numbered


def _next(told: dict[str, Place | None], key: str, place: Place) -> Place | None:
    """Tell of `key` here; the place where it was told of before, if that is another lane's."""
    before, told[key] = told.get(key), place
    return before if before and before[:2] != place[:2] else None


async def _move_fences(db: PoolConnectionProxy, fences: Sequence[Fence], publications: Sequence[Publication]) -> dict[Lane, int]:
    count: dict[Lane, int] = {}
    for publication in publications:
        count[publication.lane] = count.get(publication.lane, 0) + 1
    ordered = sorted(fences, key=lambda f: f.lane)
    moved = await db.fetch(
        FENCE,
        [f.lane[0] for f in ordered],
        [f.lane[1] for f in ordered],
        [f.old for f in ordered],
        [f.new for f in ordered],
        [f.epoch for f in ordered],
        [count.get(f.lane, 0) for f in ordered],
    )
    heads = {(r["topic"], r["part"]): r["head"] for r in moved}
    if len(heads) != len(fences):
        raise Fenced({f.lane for f in fences} - heads.keys())
    return heads


async def _check(db: PoolConnectionProxy, batch: Batch) -> None:
    if batch.believed:
        saved = {s.key for s in batch.states}
        left = {key: version for key, version in batch.believed.items() if key not in saved}
        if await db.fetchval(BELIEVED, list(left), list(left.values()), list(batch.believed)):
            raise Conflict("a state was not as it had been left")


async def _save(db: PoolConnectionProxy, batch: Batch) -> None:
    if batch.states:
        ordered = sorted(batch.states, key=lambda s: s.key)  # one order everywhere: no deadlock between instances
        columns = zip(*((s.key, s.version, s.waiting, s.body, s.origin) for s in ordered), strict=True)
        told = [place_text(place) if (place := batch.told.get(s.key)) else None for s in ordered] if batch.told else None
        saved = await db.execute(SAVE, *(list(column) for column in columns), told)
        if int(saved.split()[-1]) != len(ordered):
            raise Conflict("a state changed while it was decided on")
    for statement, rows in ((FORGET, batch.inbox_done), (PUT_OFF, batch.inbox_kept)):
        if rows and int((await db.execute(statement, rows)).split()[-1]) != len(rows):
            raise Conflict("an inbox row was decided on elsewhere")


async def _keep(db: PoolConnectionProxy, batch: Batch) -> None:
    if batch.effects:
        once = {e.id: e for e in batch.effects}.values()  # decided twice in one batch is one intent
        intents = ((e.id, *e.lane, e.key, e.step, e.target, e.content, e.trace, e.behind) for e in once)
        await db.execute(INTEND, *(list(column) for column in zip(*intents, strict=True)))
    if batch.dead_letters:
        once_each = {(d.record.lane, d.record.offset, d.fingerprint): d for d in batch.dead_letters}.values()
        letters = ((*_record(d.record), d.code, d.message, d.fingerprint, d.attempts) for d in once_each)
        await db.execute(BURY, *(list(column) for column in zip(*letters, strict=True)))
    if batch.held:
        columns = ["topic", "part", "offset", "key", "record_key", "value", "headers"]
        await db.copy_records_to_table("held", records=[_record(r) for r in batch.held], columns=columns)


def _state(r: asyncpg.Record) -> StateRow:
    told = place_of(r["told"]) if r["told"] else None
    return StateRow(r["version"] or 0, bool(r["waiting"]), r["body"], r["origin"], r["stopped"] or r["holding"], r["stopped"], told)


def _record(record: Any) -> tuple[Any, ...]:
    return (*record.lane, record.offset, record.key, record.record_key, record.value, record.headers)
