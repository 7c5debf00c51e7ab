"""Everything outside the services: time, chance, the network and its faults. One seed decides all of it."""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any

from tests.simulation.ambush import NO_TRAP, Ambush, Trap
from tests.simulation.loop import PROCESS, Process, VirtualLoop
from tests.simulation.threads import Strand

START = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """`faulty` until it heals; `trace` collects what happened when it is wanted."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        self.random = random.Random(seed)
        self.loop = VirtualLoop()
        self.tracing = tracing
        self.trace: list[str] = []
        self.faulty = True
        self.over = False
        self.trouble = self.random.choice((0.0, 0.005, 0.02, 0.06))  # how likely one exchange goes wrong
        self.slow = self.random.choice((0.001, 0.01, 0.1, 0.5))
        self.sluggish = self.random.choice((0.0, 0.0, 0.02, 0.1))  # how likely a thread starts late
        self.linger = self.random.choice((0.0, 0.1))
        self.lazy = self.random.choice((0.2, 0.2, 0.6))  # how likely a partition has not been fetched yet
        self.away: dict[str, float] = {}  # systems that answer nobody, and until when
        self.ambushes: list[Ambush] = []
        self.strands: list[Strand] = []
        self.context = Context()

    def say(self, what: str) -> None:
        if self.tracing:
            self.trace.append(f"{self.loop.elapsed:9.4f} {here() or '-'!s:>6} {what}")

    def chance(self, likely: float) -> bool:
        return self.faulty and self.random.random() < likely

    def delay(self) -> float:
        if self.faulty and self.random.random() < 0.05:
            return self.random.uniform(0, 20 * self.slow)
        return self.random.uniform(0.0001, self.slow if self.faulty else 0.005)

    def lateness(self) -> float:
        """Of a thread that the machine lets wait."""
        return self.random.uniform(0, 1) if self.chance(self.sluggish) else 0.0

    def is_away(self, system: str) -> bool:
        return self.loop.elapsed < self.away.get(system, 0.0)

    def start(self, awaited: Any) -> "asyncio.Task[Any]":
        """Run something that belongs to no process."""
        return self.loop.create_task(awaited, context=self.context.copy())

    def after(self, delay: float, what: Callable[..., object], *arguments: object) -> None:
        self.loop.call_later(delay, what, *arguments, context=self.context.copy())

    def sprung(self, where: str) -> Trap:
        """Called by whoever takes a step that faults may be aimed at."""
        process = here()
        if self.faulty and process is not None:
            for ambush in self.ambushes:
                if ambush.springs(where):
                    ambush.strike(process)
                    return ambush.trap
        return NO_TRAP

    def exchange(self, system: str, what: str, serve: Callable[[], Any], lost: Callable[[str], Exception]) -> "asyncio.Future[Any]":
        """A request and its answer. `serve` runs at the server."""
        return Exchange(self, system, what, serve, lost).answer

    def fail(self, answer: "asyncio.Future[Any]", error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()

    def succeed(self, answer: "asyncio.Future[Any]", served: Any) -> None:
        if not answer.done():
            answer.set_result(served)


class Exchange:
    """Request and answer may be lost or late, and the process may be gone or frozen before the answer."""

    __slots__ = ("answer", "lost", "serve", "trap", "what", "world")

    def __init__(self, world: World, system: str, what: str, serve: Callable[[], Any], lost: Callable[[str], Exception]) -> None:
        self.world, self.what, self.serve, self.lost = world, f"{system}: {what}", serve, lost
        self.answer: asyncio.Future[Any] = world.loop.create_future()
        if (process := here()) and process.dead and not world.over:
            return  # it unwinds, but nobody hears of it any more
        self.trap = world.sprung(self.what)
        if world.over or world.is_away(system) or world.chance(world.trouble):
            self._lose("request")
            return
        world.after(world.delay() + self.trap.hold, self._arrive)
        if self.trap.patience is not None:
            world.after(self.trap.patience, self._lose, "patience")

    def _lose(self, what: str) -> None:
        self.world.say(f"{self.what}: {what} lost")
        self.world.after(self.world.delay(), self.world.fail, self.answer, self.lost(f"{what} lost"))

    def _arrive(self) -> None:
        try:
            served = self.serve()
        except Exception as error:
            self.world.after(self.world.delay(), self.world.fail, self.answer, error)
            return
        if isawaitable(served):
            self.world.start(served).add_done_callback(self._served, context=self.world.context.copy())
        else:
            self._deliver(served)

    def _served(self, task: "asyncio.Task[Any]") -> None:
        if task.cancelled():
            return
        if error := task.exception():
            self.world.after(self.world.delay(), self.world.fail, self.answer, error)
        else:
            self._deliver(task.result())

    def _deliver(self, served: Any) -> None:
        if self.trap.answer_lost or self.world.chance(self.world.trouble):
            self._lose("answer")
        else:
            self.world.after(self.world.delay(), self.world.succeed, self.answer, served)


class VirtualClock:
    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.elapsed)

    def monotonic(self) -> float:
        return self.loop.elapsed


def here() -> Process | None:
    """The process whose code runs now, on its loop or on one of its threads."""
    return PROCESS.get() or (Strand.running.process if Strand.running else None)
