"""What a fault is to the run: a name, a row of the matrix, and an act that says how often it struck."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.arena import Arena

Act = Callable[[Arena, random.Random], int]


@dataclass(frozen=True, slots=True)
class Fault:
    """`row` of the fault matrix, None for one beyond it. `nodes`: brokers that it needs. `short`: fits into the bounded run."""

    kind: str
    row: int | None
    act: Act
    nodes: int = 1
    short: bool = True
    disk: bool = False


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()
