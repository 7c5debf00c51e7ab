"""Makes the calls to one target: claimed as there is room, governed, answered into the inbox of their lane. Each target has a caller of its own,
so that none waits for what another's claims take."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.runtime.answering import Answering
from shared.runtime.answers import Reply
from shared.runtime.calling import reply_to
from shared.runtime.decision import Target
from shared.runtime.governed import Governed
from shared.runtime.ports import Effects, Outside, Permits
from shared.runtime.settings import RuntimeSettings
from shared.store.effects import ClaimedEffect
from shared.store.pool import AWAY
from shared.telemetry import logs, tracing
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)
LEASE_SHARE = 0.8  # the rest is for recording the answer


@dataclass(frozen=True, slots=True)
class Means:
    """What all callers of a service use. `asking`: as many of them as may ask the database at the same time."""

    find: Callable[[str], Target]
    effects: Effects
    permits: Permits
    settings: RuntimeSettings
    answering: Answering
    outside: Outside
    asking: asyncio.Semaphore


class Caller:
    """`waiting` is how many calls are to be made, as far as known here; `told` how many were intended here since the start."""

    def __init__(self, name: str, means: Means) -> None:
        self.name, self.means, self.clock = name, means, means.outside.clock
        self.governed: Governed | None = None
        self.waiting = self.told = 0
        self.work = asyncio.Event()
        self.stopping = False
        self.calls: set[asyncio.Task[None]] = set()

    def intended(self, count: int) -> None:
        self.waiting += count
        self.told += count
        self.work.set()

    def found(self, count: int, told: int) -> None:
        """So many are in the table, asked when `told` was this; what was intended since may be among them or not."""
        self.waiting = count + self.told - told
        if self.waiting:
            self.work.set()

    async def run(self) -> None:
        """Until `drain`. A database that is away is waited for; the calls under way keep their claims meanwhile."""
        while not self.stopping:
            try:
                await self._round()
            except AWAY as error:
                log.warning("calls_wait_for_postgres", target=self.name, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)

    def drain(self) -> None:
        """Start nothing new."""
        self.stopping = True
        self.work.set()

    async def give_back(self) -> None:
        if self.governed:
            await self.governed.give_back()

    async def _round(self) -> None:
        """Start what there is room for. News that come meanwhile are for the next round: they must not be slept over."""
        self.work.clear()
        if self.governed:
            await self.governed.hold()
        if not await self._start_in_turn():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.means.settings.poll_s if self._busy else None):
                    await self.work.wait()

    @property
    def _busy(self) -> bool:
        """There are slots to hold, or calls that room or time have to be found for; else nothing is to be done before somebody says so."""
        return bool(self.waiting or self.calls)

    async def _start_in_turn(self) -> bool:
        async with self.means.asking:
            return not self.stopping and await self._start()

    async def _start(self) -> bool:
        """Whether any call was started."""
        governed, told = await self._find(), self.told
        if governed is None or (room := await governed.room(self.waiting)) == 0:
            return False
        lease = self.means.settings.effect_lease_s
        until = self.clock.monotonic() + LEASE_SHARE * lease  # from before the question, which may be answered late
        claimed = await self.means.effects.claim(self.name, lease, room)
        # not all that was asked for: the others that were known of are another's, or not due
        self.waiting = max(0, self.waiting - room) if len(claimed) == room else self.told - told
        for effect in claimed:
            self._begin(governed, effect, until)
        return bool(claimed)

    async def _find(self) -> Governed | None:
        if self.governed is None and self.waiting:
            try:
                target = self.means.find(self.name)
            except KeyError:
                log.error("target_unknown", target=self.name, advice="calls to it wait; name the target in the service's settings")
                return None
            await self.means.permits.prepare(self.name, target.allowance.concurrency)
            self.governed = Governed(self.name, target, self.means.permits, self.clock, self.means.outside.chance)
        return self.governed

    def _begin(self, governed: Governed, effect: ClaimedEffect, until: float) -> None:
        task = asyncio.create_task(self._make(governed, effect, governed.begins(), until), name=f"call-{effect.id}")
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    async def _make(self, governed: Governed, effect: ClaimedEffect, pause: float, until: float) -> None:
        await asyncio.sleep(pause)
        effect = replace(effect, age=effect.age + pause)
        began = self.clock.monotonic()
        try:
            with (
                tracing.span(f"{effect.target} {effect.step}", effect.trace, {"contract": effect.key, "attempt": effect.attempts}) as here,
                tracing.carried(here),
            ):
                reply = await self._replied(governed, effect, until)
            took = self.clock.monotonic() - began
            governed.answered(reply.answer, took)
            await self.means.answering.record(effect, reply, int(took * 1000))
        except Exception as error:  # the claim runs out by itself, and the next owner looks before sending
            log.exception("call_failed", target=effect.target, step=effect.step, contract_id=effect.key, error=str(error))
        finally:
            METRICS.effect_time.labels(effect.target).observe(self.clock.monotonic() - began)

    async def _replied(self, governed: Governed, effect: ClaimedEffect, until: float) -> Reply:
        """Room for the next call begins where this one ends, not where it is recorded."""
        try:
            return await reply_to(effect, governed.target, until, self.clock)
        finally:
            governed.in_use -= 1
            self.work.set()
