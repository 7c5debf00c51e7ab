"""Plans for dead letters: each letter judged, and all of it bound by a hash. Pages, never the whole."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import asyncpg

from shared.store.letters import Asked, Letter

RUNNABLE = ("apply", "already applied", "superseded")  # the latter two close their letter and change nothing else
BEGIN = "insert into redrive_plan (who, why, cause, key, letters, last) values ($1, $2, $3, $4, $5, $6) returning *"
JUDGED = "update redrive_plan set judged = $2, items = $3, hash = $4, status = $5, runnable = $7 where id = $1 and judged = $6 and status = 'judging'"
ITEMS = "select * from redrive_item where plan = $1 and n > $2 order by n limit $3"
HELD = "select key, count(*) as held from held where key = any($1::text[]) group by key"
FIRST = "select key, min(id) as id from dead_letter where key = any($1::text[]) and resolved is null group by key"
# One pass over the journal since the oldest of the letters, however many they are. A record that changed no state overtakes nothing.
LATER = """
select distinct x.id from journal j
join (select * from unnest($1::bigint[], $2::text[], $3::text[], $4::int[], $5::bigint[]) x(id, key, topic, part, "offset")) x
  on j.key = x.key and j.topic = x.topic and j.part = x.part and j."offset" > x."offset"
where j.outcome in ('applied', 'waiting') and j.version is not null and j.at >= $6
"""
TOTALS = """
select verdict, schema, currency, min(note) as example, count(*)::int as letters, sum(json_array_length(calls::json))::int as calls,
  sum(held)::int as held, sum(amount) as amount
from redrive_item where plan = $1 group by verdict, schema, currency order by count(*) desc
"""
# What was begun and has not ended well is little; what has is counted on the plan's row.
COUNTS = """
select p.runnable, p.confirmed, p.waiting, i.status, count(i.n) as n
from redrive_plan p left join redrive_item i on i.plan = p.id and i.status in ('queued', 'decided', 'failed_same', 'failed_new', 'moved')
where p.id = $1 group by p.id, i.status
"""
COLUMNS = (
    "plan n letter topic part offset key digest fingerprint verdict note schema emits calls reads amount currency held".split()  # noqa: SIM905  one line
)


@dataclass(frozen=True, slots=True)
class PlanItem:
    """A judged letter. `emits`, `calls` and `reads` are JSON texts; `digest` is the SHA-256 of the value that was judged."""

    n: int
    letter: int
    topic: str
    part: int
    offset: int
    key: str | None
    digest: bytes
    fingerprint: str
    verdict: str
    note: str
    schema: str
    emits: str
    calls: str
    reads: str
    amount: Decimal | None
    currency: str | None
    held: int

    def bound(self) -> bytes:
        """What the plan's hash is taken over."""
        parts = (self.n, self.letter, self.key, self.digest.hex(), self.fingerprint, self.verdict, self.emits, self.calls, self.reads)
        return json.dumps(parts).encode()


Row = dict[str, Any]


def chained(known: str, items: Sequence[PlanItem]) -> str:
    """SHA-256 over all items so far, each bound to those before it; the same however many are taken at a time."""
    for item in items:
        known = sha256(known.encode() + item.bound()).hexdigest()
    return known


class PlanStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def begin(self, asked: Asked, who: str, why: str, letters: int, last: int) -> Row:
        """A plan over the letters that stand now."""
        row = await self.pool.fetchrow(BEGIN, who, why, asked.cause, asked.key, letters, last)
        assert row is not None
        return dict(row)

    async def find(self, plan: int) -> Row | None:
        row = await self.pool.fetchrow("select * from redrive_plan where id = $1", plan)
        return dict(row) if row else None

    async def held(self, keys: Sequence[str]) -> dict[str, int]:
        """How many records are held behind each key."""
        return {r["key"]: r["held"] for r in await self.pool.fetch(HELD, list(keys))}

    async def overtaken(self, letters: Sequence[Letter]) -> set[int]:
        """Ids of letters whose key took a later record of the same lane, as far back as the letters go."""
        if not letters:
            return set()
        rows = ((letter.id, letter.key, letter.topic, letter.part, letter.offset) for letter in letters)
        found = await self.pool.fetch(LATER, *(list(column) for column in zip(*rows, strict=True)), min(letter.at for letter in letters))
        return {r["id"] for r in found}

    async def first_of(self, keys: Sequence[str]) -> dict[str, int]:
        """The first unresolved letter of each key."""
        return {r["key"]: r["id"] for r in await self.pool.fetch(FIRST, list(keys))}

    async def judged(self, plan: Row, upto: int, items: Sequence[PlanItem], done: bool) -> bool:
        """Add a page of items; False when someone else judged that page meanwhile."""
        known, count = chained(plan["hash"], items), plan["items"] + len(items)
        async with self.pool.acquire() as db, db.transaction():
            runnable = plan["runnable"] + sum(item.verdict in RUNNABLE for item in items)
            moved = await db.execute(JUDGED, plan["id"], upto, count, known, "ready" if done else "judging", plan["judged"], runnable)
            if str(moved) == "UPDATE 0":
                return False
            rows = [(plan["id"], *(getattr(item, name) for name in COLUMNS[1:])) for item in items]
            await db.copy_records_to_table("redrive_item", records=rows, columns=COLUMNS)
        return True

    async def items(self, plan: int, after: int, limit: int) -> list[Row]:
        return [dict(r) for r in await self.pool.fetch(ITEMS, plan, after, limit)]

    async def still_bound(self, plan: Row) -> bool:
        """Whether the items are those that the hash was taken over."""
        known = ""
        async for page in self._pages(plan["id"]):
            known = chained(known, page)
        return known == str(plan["hash"])

    async def _pages(self, plan: int, size: int = 1000) -> AsyncIterator[list[PlanItem]]:
        after = 0
        while rows := await self.items(plan, after, size):
            after = rows[-1]["n"]
            yield [PlanItem(**{name: r[name] for name in COLUMNS[1:]}) for r in rows]

    async def totals(self, plan: int) -> list[Row]:
        """By verdict: how many, how many calls, how many held records follow, and the money by currency."""
        return [dict(r) for r in await self.pool.fetch(TOTALS, plan)]

    async def progress(self, plan: int) -> dict[str, int]:
        """How many of the items that the plan runs are in which status."""
        return counted(await self.pool.fetch(COUNTS, plan))


def counted(rows: Sequence[Any]) -> dict[str, int]:
    """What `COUNTS` finds, by status; those of which there are none are left out."""
    if not rows:
        return {}
    known = {r["status"]: r["n"] for r in rows if r["status"]} | {"confirmed": rows[0]["confirmed"], "waiting": rows[0]["waiting"]}
    known["pending"] = rows[0]["runnable"] - sum(known.values())
    return {status: count for status, count in known.items() if count}
