"""`throughline feed`: files of contracts to the door, resumable, with every refusal named."""

import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from shared.ops.door import Answer, Door, token_of
from shared.ops.errors import OpsError
from shared.ops.feed_files import Item, files_of, fingerprint, items_of
from shared.ops.feed_places import Place, place_of
from shared.ops.feed_progress import Progress, Quiet
from shared.ops.feed_report import FeedReport, Refusal

BATCH_LINES = 200
BATCH_BYTES = 4 << 20
FORMATS = ("auto", "ocds", "events")


def feed(
    paths: Iterable[Path], as_: str, base_url: str, home: Path | None, derive_mappings: bool = False, progress: Progress | None = None
) -> FeedReport:
    """Send what the files hold. `base_url` is the door's; bookmarks are kept in `home`.

    A file fed before is sent again: the services recognise what they know, and nothing changes. Raises OpsError, StackDown.
    """
    if as_ not in FORMATS:
        raise OpsError(f"Files of the kind {as_!r} cannot be fed: name one of {', '.join(FORMATS)}. Rates and time belong to billing.")
    shown = progress or Quiet()
    door = Door(base_url, token_of(home), shown.say)
    report, began = FeedReport(), time.monotonic()
    for path in files_of(paths):
        place = place_of(home, path, fingerprint(path), f"{as_}{'.mappings' if derive_mappings else ''}")
        report.files.append(place.report)
        _feed_file(path, as_, door, derive_mappings, place, shown)
        place.forget()
    report.duration_s = time.monotonic() - began
    return report


def _feed_file(path: Path, as_: str, door: Door, derive_mappings: bool, place: Place, progress: Progress) -> None:
    if place.report.resumed_after:
        progress.say(f"{path.name}: going on after item {place.report.resumed_after}")
    total = sum(1 for _ in items_of(path, as_))
    left = (item for item in items_of(path, as_) if item.position > place.report.resumed_after)
    for batch in batches(left):
        answers = door.send(batch[0].intake, [item.line for item in batch], derive_mappings)
        _count(place, str(path), batch, answers)
        place.keep()
        progress.advance(path.name, place.report.items, total)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in their order, cut where the intake changes and before a batch grows too long or too large."""
    for _, same in groupby(items, key=lambda item: item.intake):
        batch: list[Item] = []
        size = 0
        for item in same:
            if batch and (len(batch) >= BATCH_LINES or size + len(item.line) > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(item)
            size += len(item.line) + 1
        yield batch


def _count(place: Place, file: str, batch: list[Item], answers: list[Answer]) -> None:
    report = place.report
    for answer in answers:
        position = batch[answer["line"] - 1].position
        if answer["outcome"] == "taken":
            report.taken += 1
            if "contract_id" in answer:
                place.contracts.add(answer["contract_id"])
        elif answer["outcome"] == "refused":
            report.refused.append(Refusal(file, position, answer["contract_id"], answer["code"], answer["reason"]))
        else:
            report.empty += 1
    report.contracts = len(place.contracts)
    report.items = batch[-1].position
