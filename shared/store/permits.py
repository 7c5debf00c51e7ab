"""Slots of a target's concurrency, leased so that all instances together never hold more than it allows."""

from uuid import UUID

import asyncpg

PREPARE = "insert into permit (target, slot) select $1, generate_series(0, $2 - 1) on conflict do nothing"
TAKE = """
update permit p set holder = $2, until = now() + make_interval(secs => $3)
from (select slot from permit where target = $1 and slot < $4 and until < now() order by slot limit $5 for update skip locked) f
where p.target = $1 and p.slot = f.slot returning p.slot
"""
RENEW = """
update permit set until = now() + make_interval(secs => $3) where target = $1 and holder = $2 and until > now() returning slot
"""
FREE = "update permit set until = '-infinity', holder = null where holder = $1 and target = $2 and slot = any($3::int[])"


class PermitStore:
    """`holder` names this process; leases are in seconds."""

    def __init__(self, pool: asyncpg.Pool, holder: UUID) -> None:
        self.pool, self.holder = pool, holder

    async def prepare(self, target: str, concurrency: int) -> None:
        await self.pool.execute(PREPARE, target, concurrency)

    async def take(self, target: str, lease: float, concurrency: int, wanted: int) -> set[int]:
        return {r["slot"] for r in await self.pool.fetch(TAKE, target, self.holder, lease, concurrency, wanted)}

    async def renew(self, target: str, lease: float) -> set[int]:
        """The slots that are still ours."""
        return {r["slot"] for r in await self.pool.fetch(RENEW, target, self.holder, lease)}

    async def free(self, target: str, slots: set[int]) -> None:
        await self.pool.execute(FREE, self.holder, target, list(slots))
