"""An event loop whose time is a number: it jumps to the next timer. What belongs to a process runs only while that process does."""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

PROCESS: ContextVar["Process | None"] = ContextVar("process", default=None)
SPIN = 20_000


class Stuck(AssertionError):
    """Everybody waits for somebody, or somebody turns without end."""


class Process:
    """One instance of a service: alive, frozen (what comes for it is kept until it thaws) or dead (it is kept to unwind with in the end)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen = False
        self.parked: list[Parked] = []
        self.context = copy_context()
        self.context.run(PROCESS.set, self)

    def admits(self, parked: "Parked") -> bool:
        if self.frozen or self.dead:
            self.parked.append(parked)
        return not (self.dead or self.frozen)

    def __repr__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Parked:
    """A callback of a process, to be run while that runs; unless it is taken back before."""

    process: Process
    context: Context
    callback: Callable[..., object]
    arguments: tuple[Any, ...]
    handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        taken_back = self.handle is not None and self.handle.cancelled()
        if not taken_back and self.process.admits(self):
            self.callback(*self.arguments)


class _NoSelector:
    """Waiting is jumping."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self.loop = loop
        self.turns = 0  # of the loop while no time passed

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Stuck("nothing is ready and no timer is set")
        self.turns = 0 if timeout > 0 else self.turns + 1
        if self.turns > SPIN:
            raise Stuck(f"the loop has turned {SPIN} times, and no time has passed")
        self.loop.elapsed += timeout
        return []


class VirtualLoop(BaseEventLoop):
    """Deterministic: callbacks run in the order in which they became due."""

    def __init__(self) -> None:
        super().__init__()
        self.elapsed = 0.0
        self._selector = _NoSelector(self)
        self.complaints: list[str] = []
        self.set_exception_handler(self._complain)
        self.tasks: list[asyncio.Task[Any]] = []  # nobody else holds the tasks of a dead process
        self.set_task_factory(self._keep)

    def time(self) -> float:
        return self.elapsed

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:  # type: ignore[override]
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        parked = Parked(process, context, callback, args)
        parked.handle = handle = super().call_soon(parked, context=context)
        return handle

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:  # type: ignore[override]
        context = copy_context() if context is None else context
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        parked = Parked(process, context, callback, args)
        parked.handle = timer = super().call_at(when, parked, context=context)
        return timer

    def _keep(self, loop: object, coroutine: Any, context: Context | None = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=self, context=context)
        self.tasks.append(task)
        return task

    def thaw(self, process: Process) -> None:
        process.frozen = False
        parked, process.parked = process.parked, []
        for each in parked:
            super().call_soon(each, context=each.context)

    def _process_events(self, event_list: object) -> None:
        return None

    def _write_to_self(self) -> None:
        return None

    def _complain(self, loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context['message']}: {type(error).__name__}: {error}")
