"""Faults that are aimed: they lie in wait for one step of a process, and strike when it is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tests.simulation.loop import Process


class Trap(NamedTuple):
    """What becomes of one exchange. `hold`: its request arrives so much later; `patience`: whoever asked gives up by then; `twice`: the client
    sends the request once more meanwhile, and has the answer to that."""

    hold: float = 0.0
    patience: float | None = None
    answer_lost: bool = False
    twice: bool = False


NO_TRAP = Trap()


@dataclass(slots=True)
class Ambush:
    """Springs at the `nth` step that begins with `where`, and at `times` - 1 more. `strike` does something to its process or to others."""

    where: str
    nth: int
    trap: Trap
    strike: Callable[[Process], None] = lambda process: None
    times: int = 1

    def springs(self, where: str) -> bool:
        if self.times == 0 or not where.startswith(self.where):
            return False
        self.nth -= 1
        if self.nth > 0:
            return False
        self.times -= 1
        return True
