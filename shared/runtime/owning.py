"""Which lanes are ours: claimed as the group assigns them, looked at again after any doubt, halted or given up."""

import asyncio
import itertools
from collections.abc import Mapping

from shared.runtime.halting import tell_halted, tell_released
from shared.runtime.identity import TopicUnclear, all_known, strangers
from shared.runtime.lanes import Lanes, OwnedLane
from shared.runtime.ports import Parts
from shared.runtime.publishing import Relays
from shared.runtime.retry import AGAIN, delay_before
from shared.store.pool import AWAY
from shared.store.rows import Lane, LaneRow
from shared.telemetry import logs

log = logs.get(__name__)
CLAIM_TRIES = 12


class LaneLost(RuntimeError):
    """Another process has claimed a lane that the group still gives to us: this one was frozen, or is not alone. It ends and joins anew."""


class DatabaseChanged(RuntimeError):
    """Another database, or an earlier time of it, answers than at the start: a restore or a failover. The process ends; a new one compares its
    lanes with what was published, and halts those that contradict it. Going on would give out numbers that are published already."""


class Owning:
    """`halted`: lanes that are ours, and why nothing is taken from them."""

    def __init__(self, parts: Parts, lanes: Lanes, relays: Relays) -> None:
        self.store, self.topic_ids, self.outside = parts.lanes, parts.topic_ids, parts.outside
        self.lanes, self.relays = lanes, relays
        self.halted: dict[Lane, str] = {}
        self.tries = CLAIM_TRIES

    @property
    def halts(self) -> dict[str, str]:
        """Lanes that wait for a person, each with the reason."""
        return {f"{topic}/{part}": why for (topic, part), why in (self.halted | self.relays.halted).items()}

    async def begin(self) -> None:
        self.relays.incarnation = await self.store.incarnation()

    async def claim(self, lanes: list[Lane], tries: int | None = None) -> list[OwnedLane]:
        """Called while the group assigns; a database that is away is waited for as long as the group allows, or for `tries`."""
        for attempt in itertools.count(1):
            try:
                topic_ids = await self.topic_ids.of({topic for topic, _ in lanes})
                all_known([topic for topic, _ in lanes], topic_ids)
                rows = await self.store.claim(lanes, topic_ids)
                await self._still_the_same()
                break
            except (TopicUnclear, *AWAY) as error:
                if attempt == (tries or self.tries):
                    raise
                log.warning("claim_again", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(delay_before(attempt, self.outside.chance(0.5, 1), AGAIN))
        self.halt(strangers(rows, topic_ids))
        claims = self.lanes.claimed([row for row in rows if row.lane not in self.halted])
        self.relays.begin(rows)
        return claims

    async def claim_again(self) -> list[OwnedLane]:
        """After doubt: go on from where Postgres says. What it committed without our knowing is published too."""
        await self._still_the_same()
        names = self.lanes.names
        rows = {row.lane: row for row in await self.store.read(names)} if names else {}
        ours = [rows[lane] for lane in names if self._owns(lane, rows.get(lane))]
        claims = self.lanes.claimed(ours)
        self.relays.begin(ours)
        return claims

    async def publish_late_commits(self) -> None:
        """A commit that was given up may still be done. Only under our own claims: the others' are their owners' to publish."""
        rows = await self.store.read(self.lanes.names)
        self.relays.begin([row for row in rows if (claim := self.lanes.get(row.lane)) and claim.epoch == row.epoch])

    def halt(self, lanes: Mapping[Lane, str]) -> None:
        self.lanes.dropped(lanes)
        self.halted.update(lanes)
        for lane, why in lanes.items():
            tell_halted(lane, why)

    def drop_unpublishable(self) -> None:
        """A lane whose relay halted decides no more: nobody would hear of it, and calls would follow from a state that the log contradicts."""
        self.lanes.dropped(self.relays.halted)

    def let_go(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            if self.halted.pop(lane, None):
                tell_released(lane)
            self.relays.let_go(lane)

    async def _still_the_same(self) -> None:
        """Asked with every claim and every rewind: a lane that lost commits can't do one more without either."""
        was = self.relays.incarnation
        if (now := await self.store.incarnation()) != was:
            raise DatabaseChanged(f"the database is {now} now and was {was} at the start; ending, to compare each lane with what it published")

    def _owns(self, lane: Lane, row: LaneRow | None) -> bool:
        """False for a lane that was given up meanwhile. Raises LaneLost for one that another process has claimed although the group gives it
        to us, such as one that was frozen while it claimed: what was read of it would wait here for ever."""
        claim = self.lanes.get(lane)
        if claim is not None and (row is None or claim.epoch != row.epoch):
            raise LaneLost(f"{lane[0]} partition {lane[1]} was claimed by another process; ending, to join the group anew")
        return claim is not None
