"""Puts a projection that was built anew into the place of the old one, in one transaction, while readers go on reading.

Only what can be made again from the topics changes places: the projection's tables and the states that they were decided from. Fences, outbox,
journal, dead letters and positions stay where they are, so that what is published goes on exactly once.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.visibility.adapters.statements import BEAT
from shared.runtime.replaying.difference import fields
from shared.store.rows import Lane
from shared.store.shadow import SETTINGS, Shadow

BEFORE = "visibility_before"
TABLES = {
    "contract": ("contract_id",),
    "transition": ("topic", "part", "offset"),
    "agreement": ("contract_id",),
    "engagement": ("contract_id",),
    "open_wait": ("contract_id", "wait_key"),
    "letter": ("topic", "part", "offset"),
    "kpi_window": ("window_start", "window_end", "business_unit", "stage"),
    "sla_breach": ("contract_id",),
}
"""The projection, each table with its key."""

LISTED = 20
LOCK_LANES = "select topic, part, next from {live}.lane order by topic, part for update"
# The topics do not know that a letter was discarded, or edited and taken: here it was buried anew, and stopped its key for good.
STRAYED = """
create table strayed as
select distinct split_part(s.key, ':', 1) as namespace, substr(s.key, strpos(s.key, ':') + 1) as name from dead_letter s
where s.key is not null and not exists (select from {live}.dead_letter l
  where (l.topic, l.part, l."offset") = (s.topic, s.part, s."offset") and l.resolved is null)
"""
# A contract of which the topics hold only the later part cannot be made again: it keeps what was made when they held all.
OLDER = """
create table older as
select distinct contract_id from (
  select t.contract_id from {live}.transition t join span s on s.topic = t.topic and s.part = t.part and t."offset" < s.first
  union all select l.contract_id from {live}.letter l join span s on s.topic = l.topic and s.part = l.part and l."offset" < s.first
  union all select name from strayed where namespace in ('contract', 'sla')
) x where contract_id is not null
"""
CLEAR = "delete from {table} where contract_id in (select contract_id from older)"
KEEP = "insert into {table} ({columns}) select {columns} from {live}.{table} where contract_id in (select contract_id from older)"
KEEP_STATES = """
insert into state select l.* from {live}.state l join older o on l.key = 'contract:' || o.contract_id
on conflict (key) do update set body = excluded.body, version = excluded.version, waiting = excluded.waiting, origin = excluded.origin
"""
CUT = "select exists (select from span s join {live}.lane l using (topic, part) where s.topic = any($1::text[]) and s.first > 0)"
KEEP_REST = "insert into {table} ({columns}) select {columns} from {live}.{table} on conflict do nothing"
KEEP_LETTERS = """
insert into letter select l.* from {live}.letter l
where exists (select from span s where s.topic = l.topic and s.part = l.part and l."offset" < s.first)
  or exists (select from strayed s where s.namespace = 'letter' and s.name = l.key)
on conflict do nothing
"""
CLEAR_WINDOWS = "delete from kpi_window where business_unit in (select name from strayed where namespace = 'kpi')"
KEEP_WINDOWS = """
insert into kpi_window select l.* from {live}.kpi_window l where business_unit in (select name from strayed where namespace = 'kpi')
"""
# Ids of published statuses grow with the records folded in: they must not be given out twice when the new code folds in fewer.
COUNT_ON = """
update state s set body = convert_to(jsonb_set(convert_from(s.body, 'UTF8')::jsonb, '{{seen}}', to_jsonb(l.version))::text, 'UTF8')
from {live}.contract l join contract r using (contract_id) where s.key = 'contract:' || l.contract_id and r.version < l.version
"""
# What is published next goes out behind what was told last.
TELL_ON = "update state s set told = l.told from {live}.state l where l.key = s.key and l.told is not null"
COLUMNS = """
select string_agg(quote_ident(column_name), ', ' order by ordinal_position) from information_schema.columns
where table_schema = $1 and table_name = $2 and is_generated = 'NEVER'
"""
COUNTS = """
select count(a.{one}) as before, count(b.{one}) as after, count(*) filter (where a.{one} is null) as added,
  count(*) filter (where b.{one} is null) as gone, count(*) filter (where a.{one} = b.{one} and to_jsonb(a) <> to_jsonb(b)) as changed
from {before}.{table} a full join {live}.{table} b using ({key})
"""
CHANGED = """
select to_jsonb(a) as before, to_jsonb(b) as after from {before}.{table} a full join {live}.{table} b using ({key})
where to_jsonb(a) is distinct from to_jsonb(b) order by {key} limit {limit}
"""


async def empty(shadow: Shadow, schema: str = BEFORE) -> None:
    """Drop what a swap left in `schema`."""
    tables = await shadow.pool.fetch("select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname = $1", schema)
    for (table,) in tables:
        await shadow.pool.execute(f"drop table {table} cascade")


async def positions(shadow: Shadow) -> dict[Lane, int]:
    """The offset that comes next in each lane of the running service."""
    return {(r["topic"], r["part"]): r["next"] for r in await shadow.pool.fetch(f"select topic, part, next from {shadow.live}.lane")}  # noqa: S608


@asynccontextmanager
async def standing_still(dsn: str, shadow: Shadow) -> AsyncIterator[tuple[PoolConnectionProxy | asyncpg.Connection, dict[Lane, int]]]:
    """A transaction in which the running service commits nothing: it waits for its fences, a moment. Readers do not wait."""
    db = await asyncpg.connect(dsn, server_settings=SETTINGS)
    try:
        async with db.transaction():
            rows = await db.fetch(LOCK_LANES.format(live=shadow.live))
            yield db, {(r["topic"], r["part"]): r["next"] for r in rows}
    finally:
        await db.close()


async def keep_older(shadow: Shadow, figures: Iterable[str]) -> int:
    """Carry over what the topics do not tell (any more); how many contracts that are. `figures` are the topics of windows and breaches."""
    live = shadow.live
    async with shadow.pool.acquire() as db, db.transaction():
        await db.execute("drop table if exists older, strayed")
        for statement in (STRAYED, OLDER, KEEP_LETTERS, CLEAR_WINDOWS, KEEP_WINDOWS):
            await db.execute(statement.format(live=live))
        cut = await db.fetchval(CUT.format(live=live), list(figures))
        for table, key in TABLES.items():
            columns = await db.fetchval(COLUMNS, shadow.name, table)
            if "contract_id" in key or table in ("transition", "letter"):
                await db.execute(CLEAR.format(table=table))
                await db.execute(KEEP.format(table=table, columns=columns, live=live))
            if cut and table in ("kpi_window", "sla_breach"):
                await db.execute(KEEP_REST.format(table=table, columns=columns, live=live))
        await db.execute(KEEP_STATES.format(live=live))
        await db.execute(COUNT_ON.format(live=live))
        await db.execute(TELL_ON.format(live=live))
        return int(await db.fetchval("select count(*) from older"))


async def change_places(db: PoolConnectionProxy | asyncpg.Connection, shadow: Shadow) -> None:
    """Within the transaction of `db`. Raises LockNotAvailableError when a reader stays too long."""
    names = (*TABLES, "state")
    await db.execute(f"lock table {', '.join(f'{shadow.live}.{name}' for name in names)} in access exclusive mode")
    for name in names:
        await db.execute(f"alter table {shadow.live}.{name} set schema {BEFORE}")
        await db.execute(f"alter table {shadow.name}.{name} set schema {shadow.live}")
    await db.execute(BEAT)  # open pages look again


async def compared(db: PoolConnectionProxy, live: str) -> dict[str, Any]:
    """Rows of each table before and after, and the first that differ. `db` sees the moment of the swap."""
    tables, differences = list[dict[str, Any]](), list[dict[str, Any]]()
    for table, key in TABLES.items():
        quoted = ", ".join(f'"{column}"' for column in key)
        told = {"before": BEFORE, "live": live, "table": table, "key": quoted, "one": f'"{key[0]}"'}
        counts = await db.fetchrow(COUNTS.format(**told))
        assert counts is not None
        tables.append({"table": table, **dict(counts)})
        changed = await db.fetch(CHANGED.format(**told, limit=LISTED))
        differences += [{"table": table, **_difference(key, _read(row["before"]), _read(row["after"]))} for row in changed]
    return {"tables": tables, "differences": differences}


def _difference(key: tuple[str, ...], before: Any, after: Any) -> dict[str, Any]:
    name = "/".join(str((before or after)[column]) for column in key)
    if before is None or after is None:
        return {"key": name, "only": "after" if before is None else "before", "fields": []}
    return {"key": name, "only": None, "fields": [{"path": f.path, "before": f.there, "after": f.here} for f in fields(before, after)]}


def _read(row: str | None) -> Any:
    return None if row is None else json.loads(row)
