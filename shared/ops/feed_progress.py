"""Shows how a feed goes on: a bar at a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_EVERY_S = 5.0


class Progress(Protocol):
    def say(self, text: str) -> None: ...
    def advance(self, name: str, done: int, total: int | None) -> None: ...


class Quiet:
    """Shows nothing."""

    def say(self, text: str) -> None:
        return None

    def advance(self, name: str, done: int, total: int | None) -> None:
        return None


class Lines:
    """Plain lines on standard error; about one in five seconds, and one at the end of a file."""

    def __init__(
        self, write: Callable[[str], object] = lambda line: print(line, file=sys.stderr, flush=True), doing: str = "feeding", of: str = "items"
    ) -> None:
        self._write, self._doing, self._of, self._last, self._said = write, doing, of, 0.0, ""

    def say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._write(text)

    def advance(self, name: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if done == total or now - self._last >= LINE_EVERY_S:
            self._last = now
            self._write(f"{self._doing} {name}: {done} of {'?' if total is None else total} {self._of}")


@contextmanager
def shown(wanted: bool = True, doing: str = "feeding", of: str = "items") -> Iterator[Progress]:
    if not wanted:
        yield Quiet()
    elif not sys.stderr.isatty():
        yield Lines(doing=doing, of=of)
    else:
        with _bar() as bar:
            yield bar


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with RichProgress(*columns, console=Console(stderr=True)) as drawn:
        tasks: dict[str, TaskID] = {}

        class Bar:
            def say(self, text: str) -> None:
                drawn.console.print(text, markup=False)

            def advance(self, name: str, done: int, total: int | None) -> None:
                if name not in tasks:
                    tasks[name] = drawn.add_task(name, total=total)
                drawn.update(tasks[name], completed=done, total=total)

        yield Bar()
