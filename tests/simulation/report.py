"""What a number of schedules came to, as one table."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.invariants import CHECKS
from tests.simulation.schedule import Result


@dataclass(slots=True)
class Report:
    first: int
    aim: str | None = None
    played: int = 0
    virtual_s: float = 0.0
    failed: list[Result] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def take(self, result: Result) -> None:
        self.played += 1
        self.virtual_s += result.seconds
        self.faults.update(result.faults)
        self.broken.update({problem.partition(":")[0] for problem in result.problems})
        if result.problems:
            self.failed.append(result)

    def failure(self, result: Result) -> str:
        aim = f" --aim {self.aim}" if self.aim else ""
        more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
        return f"{result.problems[0]}{more}\n  play it again: python -m tests.simulation --seed {result.seed}{aim}"

    def as_markdown(self) -> str:
        took = time.monotonic() - self.began
        lines = ["| schedules | |", "|---|---|", f"| seeds | {self.played:,}, from {self.first} |", f"| failed | {len(self.failed)} |"]
        lines += [f"| seconds | {took:.0f}, for {self.virtual_s / 3600:,.0f} hours of virtual time |"]
        lines += [f"| schedules a minute | {self.played / took * 60:,.0f} |"]
        lines += ["", f"| {sum(self.faults.values()):,} faults of {len(self.faults)} kinds | struck |", "|---|---|"]
        lines += [f"| {kind} | {count:,} |" for kind, count in sorted(self.faults.items())]
        lines += ["", "| invariant | | |", "|---|---|---|", *(self._invariant(check.__name__, check.__doc__ or "") for check in CHECKS)]
        lines += [f"| {name} | in {count} schedules | |" for name, count in self.broken.items() if name in ("stuck", "unexpected")]
        return "\n".join([*lines, *(["", *map(self.failure, self.failed)] if self.failed else [])])

    def _invariant(self, name: str, says: str) -> str:
        held = f"broken in {self.broken[name]} schedules" if self.broken[name] else "holds"
        return f"| {name} | {held} | {says} |"
