"""Makes the calls that decisions intend: claimed as there is room, governed by target, answered into the inbox of their lane."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from shared.runtime.answering import Answering
from shared.runtime.answers import Reply
from shared.runtime.calling import reply_to
from shared.runtime.decision import Target
from shared.runtime.governed import Governed
from shared.runtime.ports import Effects, Outside, Permits
from shared.runtime.settings import RuntimeSettings
from shared.store.effects import ClaimedEffect
from shared.store.pool import AWAY
from shared.store.rows import EffectChange, InboxRow
from shared.telemetry import logs, tracing
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)
LEASE_SHARE = 0.8  # the rest is for recording the answer


class Runner:
    def __init__(
        self,
        find: Callable[[str], Target],
        effects: Effects,
        permits: Permits,
        settings: RuntimeSettings,
        answered: Callable[[InboxRow], None],
        outside: Outside,
    ) -> None:
        self.clock, self.chance = outside.clock, outside.chance
        self.find, self.effects, self.permits, self.settings = find, effects, permits, settings
        self.answering = Answering(effects, answered, outside.chance)
        self.governed: dict[str, Governed] = {}
        self.waiting = Counter[str]()  # calls to be made by target, as far as known here
        self.looked: float | None = None  # when the table was last looked at
        self.work = asyncio.Event()
        self.stopping = False
        self.calls: set[asyncio.Task[None]] = set()

    @property
    def backlog(self) -> int:
        return self.waiting.total()

    def intended(self, effects: Sequence[EffectChange]) -> None:
        """These were just committed here, so nobody has to look for them."""
        self.waiting.update(effect.target for effect in effects)
        self.work.set()

    async def run(self) -> None:
        """Until `stop`. A database that is away is waited for; the calls under way keep their claims meanwhile."""
        while not self.stopping:
            try:
                await self._round()
            except AWAY as error:
                log.warning("effects_wait_for_postgres", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)

    async def stop(self, patience: float) -> None:
        """Start nothing new and give the calls under way `patience` seconds; what is then open is looked up by the next owner."""
        self.stopping = True
        self.work.set()
        if self.calls:
            await asyncio.wait(self.calls, timeout=patience)
        with suppress(*AWAY):  # then the leases run out by themselves
            for governed in self.governed.values():
                await governed.give_back()

    async def _round(self) -> None:
        """Start what there is room for. News that come meanwhile are for the next round: they must not be slept over."""
        self.work.clear()
        await self._look()
        if not await self._start_all():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.poll_s):
                    await self.work.wait()

    async def _look(self) -> None:
        """Every now and then: for what other instances intended, what is due again, and what was claimed by one that died."""
        now = self.clock.monotonic()
        if self.looked is not None and now - self.looked < self.settings.poll_s:
            return
        self.looked = now
        for governed in self.governed.values():
            await governed.hold()
        before = self.waiting.copy()
        found = Counter(await self.effects.waiting())
        self.waiting = found + (self.waiting - before)  # what was intended meanwhile may or may not have been seen
        for name in self.governed.keys() | self.waiting.keys():
            METRICS.effects_open.labels(name).set(self.waiting[name])

    async def _start_all(self) -> bool:
        """Whether any call was started. All targets at once: within a round none waits for what another's claims take. Raises when each has ended,
        a bug rather than a database that is away."""
        starting = [self._start(name, count) for name, count in self.waiting.items() if count > 0]
        started = await asyncio.gather(*starting, return_exceptions=True)
        if troubles := [each for each in started if isinstance(each, BaseException)]:
            raise min(troubles, key=lambda trouble: isinstance(trouble, AWAY))
        return any(started)

    async def _start(self, name: str, count: int) -> int:
        governed = await self._of(name)
        if governed is None:
            return 0
        room = await governed.room(count)
        if room == 0:
            return 0
        until = self.clock.monotonic() + LEASE_SHARE * self.settings.effect_lease_s  # from before the question, which may be answered late
        claimed = await self.effects.claim(name, self.settings.effect_lease_s, room)
        self.waiting[name] -= len(claimed) if len(claimed) == room else count  # not all: what was known of is another's, or not due
        for effect in claimed:
            self._begin(governed, effect, until)
        METRICS.governor_in_use.labels(name).set(governed.in_use)
        return len(claimed)

    def _begin(self, governed: Governed, effect: ClaimedEffect, until: float) -> None:
        governed.begins()
        task = asyncio.create_task(self._make(governed, effect, until), name=f"call-{effect.id}")
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    async def _of(self, name: str) -> Governed | None:
        if name not in self.governed:
            try:
                target = self.find(name)
            except KeyError:
                log.error("target_unknown", target=name, advice="calls to it wait; name the target in the service's settings")
                return None
            await self.permits.prepare(name, target.allowance.concurrency)
            self.governed[name] = Governed(name, target, self.permits, self.clock, self.chance)
        return self.governed[name]

    async def _make(self, governed: Governed, effect: ClaimedEffect, until: float) -> None:
        began = self.clock.monotonic()
        try:
            with (
                tracing.span(f"{effect.target} {effect.step}", effect.trace, {"contract": effect.key, "attempt": effect.attempts}) as here,
                tracing.carried(here),
            ):
                reply = await self._replied(governed, effect, until)
            ms = int((self.clock.monotonic() - began) * 1000)
            governed.answered(reply.answer)
            await self.answering.record(effect, reply, ms)
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
