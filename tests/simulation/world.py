"""Everything outside the services: time, chance, the network and its faults. One seed decides all of it."""

import asyncio
import random
from collections.abc import Callable
from contextvars import Context
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any

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
        self.away: dict[str, float] = {}  # systems that answer nobody, and until when
        self.strands: list[Strand] = []
        self.context = Context()

    def say(self, what: str) -> None:
        if self.tracing:
            process = PROCESS.get() or (Strand.running.process if Strand.running else None)
            self.trace.append(f"{self.loop.elapsed:9.4f} {process or '-'!s:>6} {what}")

    def chance(self, likely: float) -> bool:
        return self.faulty and self.random.random() < likely

    def delay(self) -> float:
        if self.faulty and self.random.random() < 0.05:
            return self.random.uniform(0, 20 * self.slow)
        return self.random.uniform(0.0001, self.slow if self.faulty else 0.005)

    def is_away(self, system: str) -> bool:
        return self.loop.elapsed < self.away.get(system, 0.0)

    def start(self, awaited: Any) -> "asyncio.Task[Any]":
        """Run something that belongs to no process."""
        return self.loop.create_task(awaited, context=self.context.copy())

    def after(self, delay: float, what: Callable[..., object], *arguments: object) -> None:
        self.loop.call_later(delay, what, *arguments, context=self.context.copy())

    def exchange(self, system: str, what: str, serve: Callable[[], Any], lost: Callable[[str], Exception]) -> "asyncio.Future[Any]":
        """A request and its answer: either may be lost, and the process may be gone or frozen before the answer. `serve` runs at the server."""
        answer: asyncio.Future[Any] = self.loop.create_future()
        if self.over or self.is_away(system) or self.chance(self.trouble):
            self.say(f"{system}: {what} is lost")
            self.after(self.delay(), self._fail, answer, lost("the request was lost"))
            return answer
        self.after(self.delay(), self._arrive, system, what, serve, lost, answer)
        return answer

    def _arrive(self, system: str, what: str, serve: Callable[[], Any], lost: Callable[[str], Exception], answer: "asyncio.Future[Any]") -> None:
        try:
            served = serve()
        except Exception as error:
            self.after(self.delay(), self._fail, answer, error)
            return
        if isawaitable(served):
            self.start(served).add_done_callback(lambda task: self._answer(system, what, task, lost, answer), context=self.context.copy())
        else:
            self._deliver(system, what, served, lost, answer)

    def _answer(self, system: str, what: str, task: Any, lost: Callable[[str], Exception], answer: "asyncio.Future[Any]") -> None:
        if task.cancelled():
            return
        if error := task.exception():
            self.after(self.delay(), self._fail, answer, error)
        else:
            self._deliver(system, what, task.result(), lost, answer)

    def _deliver(self, system: str, what: str, served: Any, lost: Callable[[str], Exception], answer: "asyncio.Future[Any]") -> None:
        if self.chance(self.trouble):
            self.say(f"{system}: the answer to {what} is lost")
            self.after(self.delay(), self._fail, answer, lost("the answer was lost"))
        else:
            self.after(self.delay(), self._succeed, answer, served)

    def _fail(self, answer: "asyncio.Future[Any]", error: Exception) -> None:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()

    def _succeed(self, answer: "asyncio.Future[Any]", served: Any) -> None:
        if not answer.done():
            answer.set_result(served)


class VirtualClock:
    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self.loop.elapsed)

    def monotonic(self) -> float:
        return self.loop.elapsed


def gone(process: Process | None) -> bool:
    return process is not None and (process.dead or process.frozen)
