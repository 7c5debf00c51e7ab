"""What a feed came to: how much was taken, and every refusal with its place and reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shared.ops import show

MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """`position` counts the file's items from 1; 0 is the file as a whole."""

    file: str
    position: int
    contract_id: str | None
    code: str
    reason: str


@dataclass(slots=True)
class FileReport:
    file: str
    items: int = 0
    taken: int = 0
    empty: int = 0
    contracts: int = 0
    resumed_after: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(slots=True)
class FeedReport:
    """`taken` counts contracts and other reports that the door kept; `contracts` the different contracts among them, file by file."""

    files: list[FileReport] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def taken(self) -> int:
        return sum(file.taken for file in self.files)

    @property
    def refused(self) -> list[Refusal]:
        return [refusal for file in self.files for refusal in file.refused]

    def as_json(self) -> dict[str, Any]:
        return {
            "taken": self.taken,
            "refused": len(self.refused),
            "duration_s": round(self.duration_s, 3),
            "files": [
                {name: getattr(file, name) for name in ("file", "items", "taken", "empty", "contracts", "resumed_after")}
                | {"refused": [{name: getattr(refusal, name) for name in Refusal.__slots__} for refusal in file.refused]}
                for file in self.files
            ],
        }


def draw(report: FeedReport) -> None:
    rows = [(file.file, file.items, file.taken, len(file.refused), file.empty) for file in report.files]
    show.out(show.table("", ("file", "items", "taken", "refused", "without contract"), rows, right=("items", "taken", "refused", "without contract")))
    refused = report.refused
    if refused:
        codes = Counter(refusal.code for refusal in refused)
        show.say("refused: " + ", ".join(f"{count} × {code}" for code, count in codes.most_common()))
        shown = [(r.contract_id or f"{r.file}:{r.position}", r.code, r.reason) for r in refused[:MOST_SHOWN]]
        show.out(show.table("", ("contract", "code", "reason"), shown))
        if len(refused) > MOST_SHOWN:
            show.say(f"… and {len(refused) - MOST_SHOWN} more; --json names all of them")
