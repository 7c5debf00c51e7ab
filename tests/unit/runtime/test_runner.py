"""When the runner starts calls and holds their slots, without a database."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from shared.runtime.answering import Answering
from shared.runtime.answers import Absent, Done, Exchange, Finding, Reply
from shared.runtime.caller import Caller, Means
from shared.runtime.decision import Allowance, Intent, Target
from shared.runtime.governed import PERMIT_LEASE_S, Governed
from shared.runtime.outside import OUTSIDE
from shared.runtime.runner import Runner
from shared.runtime.settings import RuntimeSettings
from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import EffectChange, InboxRow


@dataclass
class Clock:
    """Stands still until it is moved."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Table:
    """Effects and permits in memory. `held` is how long each slot is leased; `looked` is told of every look at what waits; claims of a target
    in `stuck` are answered when it is let (`asking` counts them), those of one in `broken` never."""

    clock: Clock
    open: list[EffectChange] = field(default_factory=list)
    held: dict[int, float] = field(default_factory=dict)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    look_on: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: dict[str, asyncio.Event] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    asking: int = 0
    freed: Callable[[], None] = lambda: None

    async def waiting(self) -> dict[str, int]:
        found = Counter(e.target for e in self.open)
        self.looked.set()
        await self.look_on.wait()
        return found

    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]:
        if target in self.broken:
            raise ConnectionResetError
        if target in self.stuck:
            self.asking += 1
            await self.stuck[target].wait()
            self.asking -= 1
        taken = [e for e in self.open if e.target == target][:limit]
        self.open = [e for e in self.open if e not in taken]
        return [ClaimedEffect(e.id, uuid4(), 1, e.lane, e.key, e.step, target, e.content, None, False, 1, False, 0.0) for e in taken]

    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow) -> None:
        raise AssertionError("nothing here is postponed")

    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None:
        raise AssertionError("no adapter here fails")

    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow) -> InboxRow | None:
        return InboxRow(1, effect.lane, effect.key, "answered", body, None)

    async def prepare(self, target: str, concurrency: int) -> None:
        self.held = dict.fromkeys(range(concurrency), 0.0)

    async def take(self, target: str, lease: float, concurrency: int, wanted: int) -> set[int]:
        free = {slot for slot, until in self.held.items() if until < self.clock.seconds}
        return await self._lease(set(sorted(free)[:wanted]), lease)

    async def renew(self, target: str, lease: float) -> set[int]:
        return await self._lease({slot for slot, until in self.held.items() if until > self.clock.seconds}, lease)

    async def free(self, target: str, slots: set[int]) -> None:
        self.freed()
        self.held |= dict.fromkeys(slots, 0.0)

    async def _lease(self, slots: set[int], lease: float) -> set[int]:
        self.held |= dict.fromkeys(slots, self.clock.seconds + lease)
        return slots


@dataclass
class Slow:
    """Answers when it is let."""

    called: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        self.called.set()
        await self.may_answer.wait()
        return Reply(Done("A"), Exchange("PUT /a"))

    async def look_up(self, intent: Intent) -> Finding:
        return Absent()


def effect(number: int = 7, target: str = "erp") -> EffectChange:
    return EffectChange(UUID(int=number), ("in.v1", 0), "account:a", "open", target, b"{}", None)


def settings_of(poll_s: float) -> RuntimeSettings:
    told: dict[str, Any] = {"kafka": "", "postgres": SecretStr(""), "registry": "", "ops_port": 1, "poll_s": poll_s}
    return RuntimeSettings(**told)


@asynccontextmanager
async def running(table: Table, adapter: Slow, answered: asyncio.Event, poll_s: float) -> AsyncIterator[Runner]:
    target = Target(adapter, Allowance(2))
    runner = Runner(lambda name: target, table, table, settings_of(poll_s), lambda row: answered.set(), replace(OUTSIDE, clock=table.clock))
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(runner.run())
        yield runner
        adapter.may_answer.set()
        runner.drain()
        await runner.stop(5)


async def test_an_intent_that_comes_while_the_table_is_looked_at_is_not_slept_over() -> None:
    table, slow, answered = Table(Clock()), Slow(), asyncio.Event()
    async with running(table, slow, answered, poll_s=3600) as runner:
        await table.looked.wait()
        table.open.append(effect())
        runner.intended(table.open)
        table.look_on.set()
        await slow.called.wait()


async def test_no_target_waits_for_the_claims_of_another() -> None:
    claimed = asyncio.Event()
    table, slow = Table(Clock(), [effect(7, "away"), effect(8, "erp")], stuck={"away": claimed}), Slow()
    table.look_on.set()
    async with running(table, slow, asyncio.Event(), poll_s=3600) as runner:
        await slow.called.wait()
        slow.called.clear()
        table.open.append(effect(9, "erp"))
        runner.intended(table.open[-1:])
        await slow.called.wait()
        assert [e.target for e in table.open] == ["away"]
        claimed.set()


async def test_the_claims_of_many_targets_leave_connections_for_what_is_answered() -> None:
    claimed = asyncio.Event()
    names = [f"tenant-{n}" for n in range(9)]
    table, slow = Table(Clock(), [effect(n, name) for n, name in enumerate(names)], stuck=dict.fromkeys(names, claimed)), Slow()
    table.look_on.set()
    async with running(table, slow, asyncio.Event(), poll_s=3600) as runner:
        while table.asking < 3:  # noqa: ASYNC110  half of the pool
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        assert table.asking == 3
        runner.drain()
        claimed.set()
    assert len(table.open) == 6, "those that waited for their turn claim nothing any more"


async def test_a_claim_that_fails_keeps_no_other_target_from_starting() -> None:
    table, slow = Table(Clock(), [effect(7, "away"), effect(8, "erp")], broken=frozenset({"away"})), Slow()
    table.look_on.set()
    async with running(table, slow, asyncio.Event(), poll_s=3600):
        await slow.called.wait()
        assert [e.target for e in table.open] == ["away"]


async def test_a_call_holds_its_slot_for_as_long_as_it_takes() -> None:
    table, slow, answered = Table(Clock(), [effect()]), Slow(), asyncio.Event()
    table.look_on.set()
    async with running(table, slow, answered, poll_s=0.01):
        await slow.called.wait()
        for _ in range(6):
            table.clock.seconds += PERMIT_LEASE_S / 2 + 1
            table.looked.clear()
            await table.looked.wait()
            assert max(table.held.values()) > table.clock.seconds
        slow.may_answer.set()
        await answered.wait()


async def test_slots_that_only_a_burst_needed_go_back_for_others() -> None:
    table = Table(Clock())
    await table.prepare("erp", 3)
    governed = Governed("erp", Target(Slow(), Allowance(3)), table, table.clock, OUTSIDE.chance)
    assert await governed.room(3) == 3
    for _ in range(3):
        governed.begins()
    governed.in_use = 1  # the others were answered
    for _ in range(2):
        table.clock.seconds += PERMIT_LEASE_S / 2 + 1
        await governed.hold()
    assert len(governed.slots) == 1
    assert sum(until > table.clock.seconds for until in table.held.values()) == 1


def caller_of(table: Table) -> Caller:
    answering = Answering(table, lambda row: None, OUTSIDE.chance)
    target, outside = Target(Slow(), Allowance(9)), replace(OUTSIDE, clock=table.clock)
    return Caller("erp", Means(lambda name: target, table, table, settings_of(1), answering, outside, asyncio.Semaphore(1)))


async def test_an_intent_that_comes_while_a_claim_and_a_look_are_under_way_is_counted_once() -> None:
    table = Table(Clock(), [], stuck={"erp": asyncio.Event()})
    caller = caller_of(table)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(caller.run())
        caller.intended(2)
        while not table.asking:  # noqa: ASYNC110
            await asyncio.sleep(0)
        caller.found(0, caller.told)  # another instance has made the two
        caller.drain()
        caller.intended(1)
        table.stuck["erp"].set()
    assert caller.waiting == 1, "neither forgotten nor taken for one of the two"


async def test_a_target_that_is_new_at_the_very_end_does_not_disturb_it() -> None:
    table = Table(Clock())
    runner = Runner(lambda name: Target(Slow(), Allowance(2)), table, table, settings_of(1), lambda row: None, OUTSIDE)
    runner.callers = {name: caller_of(table) for name in ("a", "b")}
    for caller in runner.callers.values():
        caller.governed = Governed("erp", Target(Slow(), Allowance(2)), table, table.clock, OUTSIDE.chance)
    table.freed = lambda: runner.intended([effect(9, "new")])
    await runner.stop(1)
    assert runner.callers.keys() == {"a", "b", "new"}
