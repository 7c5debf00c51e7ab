"""Makes the calls that decisions intend, with one caller for each target; looks for those that nobody told it of."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from shared.runtime.answering import Answering
from shared.runtime.caller import Caller, Means
from shared.runtime.decision import Target
from shared.runtime.governed import Governed
from shared.runtime.ports import Effects, Outside, Permits
from shared.runtime.settings import RuntimeSettings
from shared.store.pool import AWAY
from shared.store.rows import EffectChange, InboxRow
from shared.telemetry import logs
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)


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
        asking = asyncio.Semaphore(max(1, settings.pool_size // 2))  # the others are for what is decided and answered
        answering = Answering(effects, answered, outside.chance)
        self.means = Means(find, effects, permits, settings, answering, outside, asking)
        self.callers: dict[str, Caller] = {}
        self.news = asyncio.Event()  # there are callers that do not run yet
        self.draining = asyncio.Event()

    @property
    def backlog(self) -> int:
        return sum(caller.waiting for caller in self.callers.values())

    @property
    def governed(self) -> dict[str, Governed]:
        """By target, those called since the start."""
        return {name: caller.governed for name, caller in self.callers.items() if caller.governed}

    def intended(self, effects: Sequence[EffectChange]) -> None:
        """These were just committed here, so nobody has to look for them."""
        for name, count in Counter(effect.target for effect in effects).items():
            self._caller(name).intended(count)

    async def run(self) -> None:
        """Until `drain`."""
        running = set[str]()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._looking(), name="look")
            while not self.draining.is_set():
                self.news.clear()
                for name in self.callers.keys() - running:
                    group.create_task(self.callers[name].run(), name=f"caller-{name}")
                running |= self.callers.keys()
                await self.news.wait()

    def drain(self) -> None:
        """Start nothing new; `run` ends when nothing is claimed any more."""
        self.draining.set()
        self.news.set()
        for caller in self.callers.values():
            caller.drain()

    async def stop(self, patience: float) -> None:
        """Behind `drain`: give the calls under way `patience` seconds; what is then open is looked up by the next owner."""
        if calls := [call for caller in self.callers.values() for call in caller.calls]:
            await asyncio.wait(calls, timeout=patience)
        with suppress(*AWAY):  # then the leases run out by themselves
            for caller in list(self.callers.values()):  # what is decided meanwhile may be for a target that is new here
                await caller.give_back()

    def _caller(self, name: str) -> Caller:
        if name not in self.callers:
            self.callers[name] = Caller(name, self.means)
            self.news.set()
        return self.callers[name]

    async def _looking(self) -> None:
        while not self.draining.is_set():
            pause = self.means.settings.poll_s
            try:
                await self._look()
            except AWAY as error:
                log.warning("effects_wait_for_postgres", error=f"{type(error).__name__}: {error}")
                pause = 1.0
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.draining.wait()

    async def _look(self) -> None:
        """For what other instances intended, what is due again, and what was claimed by one that died."""
        told = Counter({name: caller.told for name, caller in self.callers.items()})
        found = Counter(await self.means.effects.waiting())
        for name in self.callers.keys() | found.keys():
            caller = self._caller(name)
            caller.found(found[name], told[name])
            METRICS.effects_open.labels(name).set(caller.waiting)
