"""How far it is: a bar at a terminal, a line now and then elsewhere; on standard error, since standard output carries the report."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LINE_EVERY_S = 5.0


@contextmanager
def shown(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function that is told how many records more are done."""
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


def _lines(what: str, total: int) -> Callable[[int], None]:
    done, last = 0, time.monotonic()

    def advance(more: int) -> None:
        nonlocal done, last
        done += more
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            print(f"{what}: {done} of {total} records", file=sys.stderr, flush=True)

    return advance


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as drawn:
        task = drawn.add_task(what, total=total)
        yield lambda more: drawn.advance(task, more)
