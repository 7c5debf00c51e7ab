"""Remembers how far each file was fed, so that a feed that was killed goes on where it stopped."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shared.ops.feed_report import FileReport, Refusal


@dataclass(slots=True)
class Place:
    """Bookmark of one content under one way of reading it, kept in the home; without a home nothing is remembered."""

    path: Path | None
    report: FileReport
    contracts: set[str] = field(default_factory=set)

    def keep(self) -> None:
        """Written beside and moved over, so that a crash leaves the one before."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.write_text(json.dumps({"report": asdict(self.report), "contracts": sorted(self.contracts)}), encoding="utf-8")
        os.replace(draft, self.path)

    def forget(self) -> None:
        """A file that was fed to its end is fed from its beginning the next time: what is known already changes nothing."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def place_of(home: Path | None, file: Path, fingerprint: str, how: str) -> Place:
    """Where the feed of this content stopped; its beginning when it never began or its bookmark is unreadable."""
    path = home / "feeds" / f"{fingerprint[:32]}.{how}.json" if home else None
    try:
        kept = json.loads(path.read_text(encoding="utf-8")) if path else None
        if kept is not None:
            report = FileReport(**{**kept["report"], "refused": [Refusal(**refusal) for refusal in kept["report"]["refused"]]})
            report.file, report.resumed_after = str(file), report.items
            return Place(path, report, set(kept["contracts"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Place(path, FileReport(str(file)))
