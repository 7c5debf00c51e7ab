"""One table of a run: operations, faults by kind, invariant by invariant."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults import matrix
from tests.faults.checker.verdict import UNSEEN, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """`settings` are the run's own: seed, seconds, nodes. `injected` counts acts of this run by kind, `sent` the trouble that the senders made;
    `missed`: faults that were tried and found nothing to strike. No verdicts: the run ended before it could be judged. `left_out`: what this
    run did not judge, with the reason, beside what none does."""

    settings: Mapping[str, Any]
    operations: Mapping[str, int]
    injected: Counter[str]
    sent: Counter[str]
    missed: Counter[str]
    broken: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return bool(self.verdicts) and not self.broken and not any(v.violations for v in self.verdicts)

    @property
    def struck(self) -> Counter[str]:
        return self.injected + self.sent

    @property
    def not_judged(self) -> dict[str, str]:
        return {**self.left_out, **UNSEEN}

    @property
    def rows(self) -> set[int]:
        return {row for kind in self.struck if self.struck[kind] and (row := matrix.row_of(kind)) is not None}

    @property
    def played_as(self) -> dict[int, str]:
        return {row: what for row, what in matrix.PLAYED_AS.items() if row in self.rows}

    def as_json(self) -> dict[str, Any]:
        return {
            **self.settings,
            "holds": self.holds,
            "operations": dict(self.operations),
            "injected": self.injected.total(),
            "kinds_injected": len(self.injected),
            "faults": {kind: {"row": matrix.row_of(kind), "struck": n} for kind, n in sorted(self.struck.items())},
            "found_nothing_to_strike": dict(self.missed),
            "broken": list(self.broken),
            "invariants": {v.name: {"says": v.says, "violations": list(v.violations)} for v in self.verdicts},
            "not_judged": self.not_judged,
            "rows_played_as": {str(row): what for row, what in self.played_as.items()},
            "rows_not_played": {str(row): why for row, why in matrix.not_played(self.rows).items()},
        }

    def as_markdown(self) -> str:
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        lines = [f"Run: {settings}.", "", "| operations | |", "|---|---|", *(f"| {name} | {count:,} |" for name, count in self.operations.items())]
        total = f"{self.injected.total()} faults of {len(self.injected)} kinds injected"
        lines += ["", f"| {total} | row | struck |", "|---|---|---|", *_faults(self.injected)]
        lines += ["", f"| trouble sent, {self.sent.total()} times | row | |", "|---|---|---|", *_faults(self.sent)]
        lines += ["", "| invariant | | |", "|---|---|---|", *(_line(v) for v in self.verdicts)]
        lines += [f"| {name} | not judged | {why} |" for name, why in self.not_judged.items()]
        lines += [] if self.verdicts else ["", "The run ended before it could be judged."]
        lines += ["", "| row | played as |", "|---|---|", *(f"| {row} | {what} |" for row, what in self.played_as.items())]
        lines += ["", "| row not played | why |", "|---|---|", *(f"| {row} | {why} |" for row, why in matrix.not_played(self.rows).items())]
        return "\n".join([*lines, *(["", *self.broken] if self.broken else [])]) + "\n"


def _faults(counted: Counter[str]) -> list[str]:
    ordered = sorted(counted.items(), key=lambda each: (matrix.row_of(each[0]) or 99, each[0]))
    return [f"| {kind} | {matrix.row_of(kind) or '–'} | {count} |" for kind, count in ordered]


def _line(verdict: Verdict) -> str:
    found = len(verdict.violations)
    shown = "; ".join(verdict.violations[:3])
    return f"| {verdict.name} | {'holds' if not found else f'**{found} violations**'} | {verdict.says}{': ' + shown if found else ''} |"
