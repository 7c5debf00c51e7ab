"""Says what is going on: a spinner and one line per finished step at a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

SECONDS_BETWEEN_DETAILS = 3.0


class Tolerant(Console):
    """Goes quiet when what it writes to is gone: output never decides whether things stop."""

    def on_broken_pipe(self) -> None:
        self.quiet = True

    def __exit__(self, exc_type: object, exc_value: object, traceback: object) -> None:
        """Every write, a spinner's too, comes to its end here."""
        try:
            super().__exit__(exc_type, exc_value, traceback)
        except OSError:  # a closed terminal is no broken pipe
            self.quiet = True


class Progress:
    """Lines on standard error, so that standard output stays free for what commands print."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Tolerant(stderr=True, highlight=False)
        self.began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this was made."""
        return time.monotonic() - self.began

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Run a step; the yielded function tells how it goes on. The line with its time is written when it is done."""
        began = time.monotonic()
        if not self.console.is_terminal:
            yield self._now_and_then(title)
        else:
            with self.console.status(escape(title)) as spinner:
                yield lambda detail: spinner.update(f"{escape(title)}: {escape(detail)}")
        self.console.print(f"  [green]ok[/]  {escape(title):<60} {time.monotonic() - began:6.1f} s", soft_wrap=True)

    def _now_and_then(self, title: str) -> Callable[[str], None]:
        """A log is for reading later: repeated details, and those that follow each other closely, are left out of it."""
        said, at = "", -math.inf

        def tell(detail: str) -> None:
            nonlocal said, at
            if detail != said and time.monotonic() - at >= SECONDS_BETWEEN_DETAILS:
                self.say(f"  ..  {title}: {detail}")
                said, at = detail, time.monotonic()

        return tell

    def say(self, text: str) -> None:
        self.console.print(escape(text), soft_wrap=True)

    def fail(self, text: str) -> None:
        self.console.print(f"[red]{escape(text)}[/]", soft_wrap=True)
