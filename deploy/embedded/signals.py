"""Ctrl-C, SIGTERM and a closed terminal all mean the same: take everything down in order, and only once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Stopped(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal: take everything down and leave."""


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """The first signal raises Stopped; what follows it, as a closing terminal sends several, must not break into the stopping."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            raise Stopped

    with _handling(stop):
        yield


@contextmanager
def deaf() -> Iterator[None]:
    """While stopping, a Ctrl-C must not leave half of the processes running."""
    with _handling(signal.SIG_IGN):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
