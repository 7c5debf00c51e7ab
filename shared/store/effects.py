"""Calls that are to be made: claimed, tried, and answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.store.rows import InboxRow, Lane, inbox_row

TARGETS = "select target, count(*) from effect where status in ('open', 'claimed') group by target"
# A claim that outlived its lease belongs to a process that died or froze between intent and answer: the call may have been made.
CLAIM = """
update effect e set status = 'claimed', claim = gen_random_uuid(), claimed_until = now() + make_interval(secs => $2), attempts = attempts + 1,
  doubtful = e.doubtful or e.status = 'claimed'
from (select id from effect where target = $1 and due <= now() and (status = 'open' or (status = 'claimed' and claimed_until < now()))
      order by turn limit $3 for update skip locked) c
where e.id = c.id
returning e.id, e.claim, e.round, e.topic, e.part, e.key, e.step, e.target, e.content, e.trace, e.doubtful, e.attempts,
  e.behind, extract(epoch from now() - e.created)::float8 as age
"""
LATER = """
with later as (
  update effect set status = 'open', due = now() + make_interval(secs => $10), turn = now() + make_interval(secs => $10) + (turn - due),
    doubtful = $11, faults = 0, fault = null, fault_since = null where id = $1 and claim = $9 and status = 'claimed')
insert into attempt (effect, ms, outcome, detail, request, request_body, status, response_body) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
FAULT = """
with later as (
  update effect e set status = 'open', due = w.due, turn = w.due + (e.turn - e.due), doubtful = true, faults = e.faults + 1, fault = $11,
    fault_since = coalesce(e.fault_since, now())
  from (select id, now() + make_interval(secs => case when faults + 1 < $12 then $10::float8 else $13::float8 end) as due
        from effect where id = $1) w
  where e.id = w.id and e.claim = $9 and e.status = 'claimed')
insert into attempt (effect, ms, outcome, detail, request, request_body, status, response_body) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
# One statement, so that an answer costs one round trip; the attempt is kept even when the claim was lost.
END = """
with ended as (
  update effect set status = $10, ended = now(), doubtful = false, faults = 0, fault = null, fault_since = null
  where id = $1 and claim = $9 and status = 'claimed' returning topic, part, key, trace),
answered as (
  insert into inbox (topic, part, key, kind, body, trace) select topic, part, key, 'answered', $11, trace from ended
  returning id, topic, part, key, kind, body, trace),
tried as (
  insert into attempt (effect, ms, outcome, detail, request, request_body, status, response_body, answer, inbox)
  values ($1, $2, $3, $4, $5, $6, $7, $8, case when exists (select from ended) then $11::bytea end, (select id from answered)))
select id, topic, part, key, kind, body, trace from answered
"""


FAULTS_TO_PARK, PARKED_S = 5, 600.0
PARKED = """
select id, key, step, target, attempts, faults, fault, fault_since from effect where status in ('open', 'claimed') and faults >= $1
order by fault_since limit $2
"""
AGAIN = "update effect set due = now(), turn = now() + (turn - due) where status = 'open' and faults >= $1 returning id"


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
    """`behind`: it gives way to live calls. `age` in seconds since the intent was committed."""

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
    behind: bool
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

    async def waiting(self) -> dict[str, int]:
        """How many calls are open, due now or later, by target."""
        return {r["target"]: r["count"] for r in await self.pool.fetch(TARGETS)}

    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]:
        rows = await self.pool.fetch(CLAIM, target, lease, limit)
        return [_claimed(*r.values()) for r in rows]

    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow) -> None:
        await self.pool.execute(LATER, *_columns(attempt), effect.claim, delay, doubtful)

    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None:
        """As `postpone` in doubt, after the adapter itself failed; from the fifth time in a row on it waits much longer than `delay`."""
        await self.pool.execute(FAULT, *_columns(attempt), effect.claim, delay, why, FAULTS_TO_PARK, PARKED_S)

    async def parked(self, limit: int) -> list[ParkedEffect]:
        return [ParkedEffect(*r.values()) for r in await self.pool.fetch(PARKED, FAULTS_TO_PARK, limit)]

    async def again(self) -> int:
        """Make the parked calls due now; how many they are."""
        return len(await self.pool.fetch(AGAIN, FAULTS_TO_PARK))

    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow) -> InboxRow | None:
        """Record the answer and hand it to the lane's inbox; None when the claim was lost meanwhile, and the answer is another's to give."""
        row = await self.pool.fetchrow(END, *_columns(attempt), effect.claim, status, body)
        return inbox_row(row) if row else None


def _claimed(id: UUID, claim: UUID, round: int, topic: str, part: int, *rest: Any) -> ClaimedEffect:
    return ClaimedEffect(id, claim, round, (topic, part), *rest)


def _columns(a: AttemptRow) -> tuple[Any, ...]:
    return a.effect, a.ms, a.outcome, a.detail, a.request, a.request_body, a.status, a.response_body
