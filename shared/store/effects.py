"""Calls that are to be made: claimed, tried, and answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from shared.store.rows import Lane

TARGETS = "select target, count(*) from effect where status in ('open', 'claimed') and due <= now() group by target"
# A claim that outlived its lease belongs to a process that died or froze between intent and answer: the call may have been made.
CLAIM = """
update effect e set status = 'claimed', claim = gen_random_uuid(), claimed_until = now() + make_interval(secs => $2), attempts = attempts + 1,
  doubtful = e.doubtful or e.status = 'claimed'
from (select id from effect where target = $1 and due <= now() and (status = 'open' or (status = 'claimed' and claimed_until < now()))
      order by due limit $3 for update skip locked) c
where e.id = c.id
returning e.id, e.claim, e.round, e.topic, e.part, e.key, e.step, e.target, e.content, e.trace, e.doubtful, e.attempts,
  extract(epoch from now() - e.created)::float8 as age
"""
LATER = """
update effect set status = 'open', due = now() + make_interval(secs => $3), doubtful = $4, faults = 0, fault = null, fault_since = null
where id = $1 and claim = $2 and status = 'claimed'
"""
FAULT = """
update effect set status = 'open', due = now() + make_interval(secs => case when faults + 1 < $5 then $3::float8 else $6::float8 end),
  doubtful = true, faults = faults + 1, fault = $4, fault_since = coalesce(fault_since, now())
where id = $1 and claim = $2 and status = 'claimed'
"""
END = """
update effect set status = $3, ended = now(), doubtful = false, faults = 0, fault = null, fault_since = null
where id = $1 and claim = $2 and status = 'claimed' returning topic, part, key, trace
"""
ANSWER = "insert into inbox (topic, part, key, kind, body, trace) values ($1, $2, $3, 'answered', $4, $5)"
ATTEMPT = """
insert into attempt (effect, ms, outcome, detail, request, request_body, status, response_body, answer)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


FAULTS_TO_PARK, PARKED_S = 5, 600.0
PARKED = """
select id, key, step, target, attempts, faults, fault, fault_since from effect where status in ('open', 'claimed') and faults >= $1
order by fault_since limit $2
"""
AGAIN = "update effect set due = now() where status = 'open' and faults >= $1 returning id"


@dataclass(frozen=True, slots=True)
class ParkedEffect:
    """A call whose adapter failed so often in a row that it is tried at the slowest pace only, until somebody has mended the adapter."""

    id: UUID
    key: str
    step: str
    target: str
    attempts: int
    faults: int
    fault: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ClaimedEffect:
    """`age` in seconds since the intent was committed."""

    id: UUID
    claim: UUID
    round: int
    lane: Lane
    key: str
    step: str
    target: str
    content: bytes
    trace: str | None
    doubtful: bool
    attempts: int
    age: float


@dataclass(frozen=True, slots=True)
class AttemptRow:
    effect: UUID
    ms: int
    outcome: str
    detail: str
    request: str
    request_body: str
    status: int | None
    response_body: str


class EffectStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def due(self) -> dict[str, int]:
        """How many calls are due, by target."""
        return {r["target"]: r["count"] for r in await self.pool.fetch(TARGETS)}

    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]:
        rows = await self.pool.fetch(CLAIM, target, lease, limit)
        return [_claimed(*r.values()) for r in rows]

    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow | None) -> None:
        async with self.pool.acquire() as db, db.transaction():
            await db.execute(LATER, effect.id, effect.claim, delay, doubtful)
            await _note(db, attempt)

    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None:
        """As `postpone` in doubt, after the adapter itself failed; from the fifth time in a row on it waits much longer than `delay`."""
        async with self.pool.acquire() as db, db.transaction():
            await db.execute(FAULT, effect.id, effect.claim, delay, why, FAULTS_TO_PARK, PARKED_S)
            await _note(db, attempt)

    async def parked(self, limit: int) -> list[ParkedEffect]:
        return [ParkedEffect(*r.values()) for r in await self.pool.fetch(PARKED, FAULTS_TO_PARK, limit)]

    async def again(self) -> int:
        """Make the parked calls due now; how many they are."""
        return len(await self.pool.fetch(AGAIN, FAULTS_TO_PARK))

    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow | None) -> Lane | None:
        """Record the answer and hand it to the lane's inbox; None when the claim was lost meanwhile, and the answer is another's to give."""
        async with self.pool.acquire() as db, db.transaction():
            row = await db.fetchrow(END, effect.id, effect.claim, status)
            await _note(db, attempt, body if row else None)
            if row is None:
                return None
            await db.execute(ANSWER, row["topic"], row["part"], row["key"], body, row["trace"])
            return row["topic"], row["part"]


def _claimed(id: UUID, claim: UUID, round: int, topic: str, part: int, *rest: Any) -> ClaimedEffect:
    return ClaimedEffect(id, claim, round, (topic, part), *rest)


async def _note(db: PoolConnectionProxy, a: AttemptRow | None, answer: bytes | None = None) -> None:
    if a:
        await db.execute(ATTEMPT, a.effect, a.ms, a.outcome, a.detail, a.request, a.request_body, a.status, a.response_body, answer)
