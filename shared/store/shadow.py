"""A schema beside a service's own, made anew for deciding once more. The service's own tables are read, never written."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg

from shared.store.rows import InboxRow, Lane, inbox_row

ROOT = Path(__file__).resolve().parents[2]
PAGE = 5000
SETTINGS = {
    "statement_timeout": "0",  # a comparison of a million rows is one statement
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "3000",
    "synchronous_commit": "off",  # what a power cut takes away here is made again
    "application_name": "throughline-shadow",
}
TABLES = "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1"
SHADOW_TABLES = """
create table span (topic text, part int, first bigint not null, past bigint not null, primary key (topic, part));
create table guide (n bigint primary key, topic text not null, part int not null, "offset" bigint, kind text, key text, at timestamptz not null,
  inbox bigint);
create table taken (snapshot pg_snapshot not null);
create table outside (key text primary key, bare text not null, why text not null);
create table emitted (n bigint generated always as identity, topic text not null, key text, body jsonb not null);
alter table inbox add column live bigint;
alter table outbox_page add column n bigint generated always as identity;
"""
# In the order of the transactions: the clocks of two instances may differ, by an hour even.
GUIDE = """
insert into guide
select row_number() over (order by j.xid, j.nth), j.topic, j.part, j."offset", j.kind, j.key, j.at, j.inbox
from {live}.journal j left join span s on s.topic = j.topic and s.part = j.part
where (j.inbox is null and j."offset" >= s.first and j."offset" < s.past) or (j.inbox is not null and j."offset" is null and j.kind is not null)
"""
POISON = "select topic, part, \"offset\" from {live}.dead_letter where code = 'poison'"
# A key whose whole history lies before the range enters it as it is: nothing has changed it since.
SEED = """
insert into state select l.* from {live}.state l join (
  select j.key from {live}.journal j left join span s on s.topic = j.topic and s.part = j.part
  where j.key is not null group by j.key having bool_and(j.inbox is not null or s.topic is null or j."offset" < s.first)
) k on k.key = l.key
"""
ANSWER = """
with answered as (
  update effect e set status = a.outcome, ended = now()
  from (select e.id, x.outcome, x.answer, x.at, x.inbox from effect e cross join lateral (
      select outcome, answer, at, inbox from {live}.attempt where effect = e.id and answer is not null order by id offset e.round - 1 limit 1) x
    where e.id = any($1::uuid[]) and e.status = 'open') a
  where e.id = a.id
  returning e.topic, e.part, e.key, e.trace, a.answer, a.at, a.inbox
)
insert into inbox (topic, part, key, kind, body, trace, due, live) select topic, part, key, 'answered', answer, trace, at, inbox from answered
"""
ARRIVED = "select id, topic, part, key, kind, body, trace, due, live from inbox where id > $1 order by id"
OUTSIDE = """
insert into outside
select key, substr(key, strpos(key, ':') + 1), min(why) from (
  select j.key, case when not pg_visible_in_snapshot(j.xid, t.snapshot) then 'changed meanwhile'
    when j.inbox is not null then 'decided on again by hand' else 'has records outside the range' end as why
  from {live}.journal j cross join taken t left join span s on s.topic = j.topic and s.part = j.part
  where not pg_visible_in_snapshot(j.xid, t.snapshot) or (j.inbox is not null and j."offset" is not null)
    or (j.inbox is null and (s.topic is null or j."offset" < s.first or j."offset" >= s.past))
  union all
  select l.key, 'a dead letter of it was discarded' from {live}.dead_letter l where l.resolution = 'discarded'
  union all
  select j.key, 'not decided on yet' from journal j left join guide g on g.topic = j.topic and g.part = j.part and g."offset" = j."offset"
  where j.inbox is null and g.n is null
) x where key is not null group by key
"""
OUTSIDE_BY_WAIT = """
insert into outside
select w.key, substr(w.key, strpos(w.key, ':') + 1), 'waits for a key with records outside the range'
from wait w join outside o on o.key = w.wait_key on conflict do nothing
"""
OUTSIDE_BY_OUTBOX = """
insert into outside select distinct on (k) k, k, 'still being published'
from (select convert_from(key, 'UTF8') as k from {live}.outbox where key is not null and target = any($1::text[])) x on conflict do nothing
"""


class ShadowError(Exception):
    """The schema for deciding once more cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets of one lane: from `first` on, up to and without `past`."""

    lane: Lane
    first: int
    past: int


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the live journal: a record by its offset, or what came from the inbox by its kind and key; `inbox` is its row there."""

    lane: Lane
    offset: int | None
    kind: str | None
    key: str | None
    at: datetime
    inbox: int | None


@dataclass(frozen=True, slots=True, order=True)
class Arrived:
    """What came into the inbox, by when it came: an answer came when it came in truth. `live` is the row that it was to the live service."""

    due: datetime
    id: int
    row: InboxRow = field(compare=False)
    live: int | None = field(compare=False)


def rooms_beside(service: str) -> tuple[str, ...]:
    """Schemas that a service may fill beside its own."""
    rebuilt = (f"{service}_rebuild", f"{service}_before") if service == "visibility" else ()
    return (f"{service}_replay", *rebuilt)


def scripts_of(service: str) -> list[Path]:
    """What makes the service's tables, in the order it is run."""
    rooms = (ROOT / "shared" / "store", ROOT / "services" / service)
    return [path for room in rooms for path in sorted(room.glob("migrations/*.sql"))]


@dataclass
class Shadow:
    """`pool` sees the schema `name`; the service's own is called `live`."""

    pool: asyncpg.Pool
    name: str
    live: str

    async def make(self, scripts: Sequence[Path]) -> None:
        """The schema with empty tables, in one transaction: whoever is killed leaves the old content or the new one. Raises ShadowError."""
        async with self.pool.acquire() as db, db.transaction():
            if not await db.fetchval("select exists (select from pg_namespace where nspname = $1)", self.name):
                await self._make_schema(db)
            for table in await db.fetch(TABLES, self.name):
                await db.execute(f"drop table {table['name']} cascade")
            for script in scripts:
                await db.execute(script.read_text(encoding="utf-8"))
            await db.execute(SHADOW_TABLES)

    async def _make_schema(self, db: asyncpg.pool.PoolConnectionProxy) -> None:
        try:
            await db.execute(f'create schema "{self.name}"')
        except asyncpg.InsufficientPrivilegeError as error:
            raise ShadowError(f"The schema {self.name} is missing and this role may not make it: run `python -m shared.ops.prepare`.") from error

    async def enter(self, spans: Sequence[Span]) -> None:
        """Stand at the beginning of the range."""
        async with self.pool.acquire() as db, db.transaction():
            await db.copy_records_to_table("span", records=[(*span.lane, span.first, span.past) for span in spans])
            await db.copy_records_to_table("lane", records=[(*s.lane, s.first, 1) for s in spans], columns=["topic", "part", "next", "epoch"])

    async def remember(self) -> int:
        """Note what the live journal tells of the range; how many lines that are."""
        async with self.pool.acquire() as db, db.transaction(isolation="repeatable_read"):
            await db.execute("insert into taken select pg_current_snapshot()")
            await db.execute(GUIDE.format(live=self.live))
            await db.execute(SEED.format(live=self.live))
            return int(await db.fetchval("select count(*) from guide"))

    async def poison(self) -> set[tuple[Lane, int]]:
        """Where records lie that ended the live service: decoded here, they would end this process as well."""
        return {((r["topic"], r["part"]), r["offset"]) for r in await self.pool.fetch(POISON.format(live=self.live))}

    async def expected(self) -> dict[tuple[str, str], int]:
        """How often each key was told something of each kind."""
        rows = await self.pool.fetch("select key, kind, count(*) from guide where kind is not null and key is not null group by key, kind")
        return {(r["key"], r["kind"]): r["count"] for r in rows}

    async def guide(self) -> AsyncIterator[list[Told]]:
        """What the live service decided on, transaction by transaction, in its order."""
        last, together = 0, list[Told]()
        while page := await self.pool.fetch("select * from guide where n > $1 order by n limit $2", last, PAGE):
            last = page[-1]["n"]
            for r in page:
                told = Told((r["topic"], r["part"]), r["offset"], r["kind"], r["key"], r["at"], r["inbox"])
                if together and together[-1].at != told.at:
                    yield together
                    together = []
                together.append(told)
        if together:
            yield together

    async def answer(self, effects: Collection[UUID]) -> None:
        """Calls just intended are answered as the live ones were; those that were never made stay open."""
        if effects:
            await self.pool.execute(ANSWER.format(live=self.live), list(effects))

    async def arrived(self, after: int) -> list[Arrived]:
        """What came into the inbox behind row `after`."""
        return [Arrived(r["due"], r["id"], inbox_row(r), r["live"]) for r in await self.pool.fetch(ARRIVED, after)]

    async def set_apart(self, topics: Sequence[str]) -> None:
        """Name the keys that cannot be compared, with the reason. `topics` are those whose records are."""
        async with self.pool.acquire() as db, db.transaction():
            await db.execute(OUTSIDE.format(live=self.live))
            await db.execute(OUTSIDE_BY_WAIT)
            await db.execute(OUTSIDE_BY_OUTBOX.format(live=self.live), list(topics))


@asynccontextmanager
async def open_shadow(dsn: str, name: str, size: int = 4) -> AsyncIterator[Shadow]:
    """One process at a time: the server frees the schema when its holder dies. Raises ShadowError."""
    holder = await asyncpg.connect(dsn)
    try:
        live = await holder.fetchval("select quote_ident(current_schema())")
        if not await holder.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", name):
            raise ShadowError(f"Another process is at work in the schema {name}: let it end, then run this again.")
        settings = {**SETTINGS, "search_path": f'"{name}"'}
        async with asyncpg.create_pool(dsn, min_size=1, max_size=size, server_settings=settings, max_inactive_connection_lifetime=0) as pool:
            yield Shadow(pool, name, live)
    finally:
        await holder.close()
