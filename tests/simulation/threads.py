"""Threads of the runtime, made to take turns: one runs at a time, and only when the loop says so, so that a run can be repeated exactly."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from shared.runtime.ports import P, T
from shared.store.rows import Lane
from tests.simulation.loop import Process, VirtualLoop


class Killed(BaseException):
    """The process of this thread is gone; it unwinds and touches nothing."""


class Strand:
    """One thread of the machine, lent to one job after another."""

    idle: list["Strand"] = []  # noqa: RUF012  shared on purpose: threads are dear, schedules are many
    running: "Strand | None" = None

    def __init__(self) -> None:
        self.turn, self.back = threading.Lock(), threading.Lock()  # both are held by who waits for the other; a semaphore takes thrice as long
        self.turn.acquire()
        self.back.acquire()
        self.job: Callable[[], None] | None = None
        self.process: Process | None = None
        self.doomed = False
        self.awaited: object = None
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        while True:
            self.turn.acquire()
            assert self.job is not None
            try:
                self.job()
            finally:
                self.job = None
                self.back.release()

    def go(self) -> None:
        """Called from the loop: let the thread run until it waits or is done."""
        before, Strand.running = Strand.running, self
        self.turn.release()
        self.back.acquire()
        Strand.running = before
        if self.job is None:
            Strand.idle.append(self)

    def go_on(self, done: object) -> None:
        """What it waited for is there; unless it has unwound meanwhile."""
        if self.awaited is done:
            self.go()

    def pause(self, awaited: object) -> None:
        self.awaited = awaited
        self.back.release()
        self.turn.acquire()
        self.awaited = None
        if self.doomed:
            raise Killed


def blocked_on(future: "asyncio.Future[T]") -> T:
    """Called from a thread of the runtime: give the turn away until `future` is done."""
    strand = Strand.running
    assert strand is not None, "only a thread of the runtime may block"
    if not future.done():
        context = strand.process.context if strand.process else None
        future.add_done_callback(strand.go_on, context=context)
        strand.pause(future)
    return future.result()


class TurnTaking:
    """A Worker whose threads take turns with the loop."""

    def __init__(self, loop: VirtualLoop, process: Process, strands: list[Strand], count: int, lateness: Callable[[], float]) -> None:
        self.loop, self.process, self.strands, self.count, self.lateness = loop, process, strands, count, lateness
        self.waiting: deque[Callable[[], None]] = deque()
        self.busy = 0

    async def run(self, what: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        done: asyncio.Future[T] = self.loop.create_future()
        self._enqueue(partial(self._settle, done, partial(what, *arguments, **named)))
        return await done

    def submit(self, what: Callable[[], object]) -> object:
        self._enqueue(partial(self._settle, self.loop.create_future(), what))
        return None

    def wait(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        task = self.loop.create_task(coroutine, context=self.process.context)
        return blocked_on(task)

    def tell(self, what: Callable[[list[Lane]], None], lanes: list[Lane]) -> None:
        self.loop.call_soon(what, lanes, context=self.process.context)

    def close(self) -> None:
        self.waiting.clear()

    def _settle(self, done: "asyncio.Future[Any]", what: Callable[[], Any]) -> None:
        try:
            result = what()
        except Killed:
            return
        except Exception as error:
            if not done.cancelled():
                done.set_exception(error)
                done.exception()
        else:
            if not done.cancelled():
                done.set_result(result)

    def _enqueue(self, job: Callable[[], None]) -> None:
        self.waiting.append(job)
        if self.busy < self.count:
            self.busy += 1
            self.loop.call_later(self.lateness(), self._start, context=self.process.context)

    def _start(self) -> None:
        if not self.waiting:
            self.busy -= 1
            return
        strand = Strand.idle.pop() if Strand.idle else Strand()
        strand.job, strand.process, strand.doomed = partial(self._whole, self.waiting.popleft()), self.process, False
        self.strands.append(strand)
        strand.go()

    def _whole(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Killed:
            return
        self.loop.call_soon(self._start, context=self.process.context)


def end_all(strands: list[Strand]) -> None:
    """Let every thread that still waits unwind."""
    for strand in strands:
        while strand.job is not None:
            strand.doomed = True
            strand.go()
    strands.clear()
