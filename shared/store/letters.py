"""Dead letters as people handle them: looked through in pages, edited, discarded. Everything done to one is written to the audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.store import redrive

COLUMNS = 'id, topic, part, "offset", key, record_key, value, headers, code, message, fingerprint, attempts, at, original is not null as edited'
ASKED = """
resolved is null and ($1::text is null or $1 in (fingerprint, code)) and ($2::text is null or $2 in (key, substr(key, strpos(key, ':') + 1)))
and id > $3 and id <= $4
"""
PAGE = f"select {COLUMNS} from dead_letter where {ASKED} order by id limit $5"  # noqa: S608  of constants
COUNT = f"select count(*) as letters, coalesce(max(id), 0) as last from dead_letter where {ASKED}"  # noqa: S608
PLACE = f'select {COLUMNS} from dead_letter where (topic, part, "offset") = ($1, $2, $3) and resolved is null order by id limit 1'  # noqa: S608
# One that is being decided on right now is left alone: its decision says what becomes of it.
LOCKED = """
select d.id, d.key from dead_letter d where d.id = any($1::bigint[]) and d.resolved is null
  and not exists (select from redrive_item i where i.letter = d.id and i.status = 'queued') order by d.id for update
"""
DISCARD = "update dead_letter set resolved = now(), resolution = 'discarded' where id = any($1::bigint[])"
EDIT = "update dead_letter set original = coalesce(original, value), value = $2 where id = $1"
AUDIT = """
insert into audit (who, why, what, letter, topic, part, "offset", key, detail)
select $2, $3, $4, d.id, d.topic, d.part, d."offset", d.key, d.code || ': ' || d.message || $5 from dead_letter d where d.id = any($1::bigint[])
"""
LAST = 2**62


@dataclass(frozen=True, slots=True)
class Letter:
    """An unresolved dead letter. `headers` are packed; `edited`: `value` is not what came."""

    id: int
    topic: str
    part: int
    offset: int
    key: str | None
    record_key: bytes | None
    value: bytes | None
    headers: bytes
    code: str
    message: str
    fingerprint: str
    attempts: int
    at: datetime
    edited: bool

    @property
    def is_poison(self) -> bool:
        """Decoding its bytes ended the process: nobody decodes them again until they are edited."""
        return self.code == "poison" and not self.edited


@dataclass(frozen=True, slots=True)
class Asked:
    """Which letters: of a cause (its fingerprint or code), of a key (with or without its namespace); None: any."""

    cause: str | None = None
    key: str | None = None


class LetterStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def count(self, asked: Asked) -> tuple[int, int]:
        """How many there are, and the newest one's id."""
        row = await self.pool.fetchrow(COUNT, asked.cause, asked.key, 0, LAST)
        assert row is not None
        return row["letters"], row["last"]

    async def page(self, asked: Asked, after: int, limit: int, last: int = LAST) -> list[Letter]:
        """In the order they came, those behind `after` up to `last`."""
        return [Letter(*r.values()) for r in await self.pool.fetch(PAGE, asked.cause, asked.key, after, last, limit)]

    async def at(self, topic: str, part: int, offset: int) -> Letter | None:
        """The letter of the record at that place."""
        row = await self.pool.fetchrow(PLACE, topic, part, offset)
        return Letter(*row.values()) if row else None

    async def discard(self, letters: Sequence[Letter], who: str, why: str) -> int:
        """Resolve them without deciding on them, and set free what is held behind them. How many it were: one under way is left alone."""
        async with self.pool.acquire() as db, db.transaction():
            await db.execute(redrive.LOCK, sorted({letter.key for letter in letters if letter.key is not None}))
            ours = await db.fetch(LOCKED, [letter.id for letter in letters])
            ids = [r["id"] for r in ours]
            await db.execute(DISCARD, ids)
            await db.execute(AUDIT, ids, who, why, "discarded", "")
            keys = sorted({r["key"] for r in ours if r["key"] is not None})
            await db.execute(redrive.LEAVE_UNHEARD, keys)
            await redrive.release(db, keys)
        return len(ids)

    async def edit(self, letter: Letter, value: bytes, who: str, why: str) -> bool:
        """Put `value` in the place of the letter's; what came is kept beside it. False when it is under way, or resolved by now."""
        async with self.pool.acquire() as db, db.transaction():
            if not await db.fetch(LOCKED, [letter.id]):
                return False
            await db.execute(EDIT, letter.id, value)
            await db.execute(AUDIT, [letter.id], who, why, "edited", f"; {len(letter.value or b'')} bytes became {len(value)}")
        return True
