"""Decides on items, and loads what the deciders ask for, until nothing is asked for any more."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from shared.runtime.book import Book, NotLoaded
from shared.runtime.deciding import Deciding, Draft, Encoding
from shared.runtime.decision import Service, nothing_else
from shared.runtime.work import Item
from shared.store.rows import StateRow
from shared.telemetry.metrics import METRICS

PASSES = 50  # chains of keys that lead to keys are short; more passes mean a decider that always asks for something new

Load = Callable[[set[str]], Awaitable[dict[str, StateRow]]]


def needed(items: Sequence[Item], book: Book) -> set[str]:
    """Keys that the items say they want to look at and that are not loaded."""
    wanted = book.missing([item.key for item in items if item.key is not None])
    wanted |= book.missing([key for item in items if item.again for key in item.again.reads])
    for item in items:
        if item.needs is nothing_else or item.key is None or item.event is None or item.key in wanted:
            continue
        try:
            wanted |= book.missing(list(item.needs(book.get(item.key), item.event, book)))
        except NotLoaded as unread:
            wanted.add(unread.key)
        except Exception:  # noqa: S112  the decider meets the same, and there it becomes a dead letter with its cause
            continue
    return wanted


async def drafted(service: Service, codec: Encoding, items: Sequence[Item], book: Book, load: Load, now: datetime) -> tuple[Draft, Book]:
    """What follows from `items`, and the states as they then are. Raises LookupError, and what `load` raises."""
    for _ in range(PASSES):
        if unread := needed(items, book):
            book.rows |= await load(unread)
            continue
        book = book.again()
        with METRICS.decision_time.time():
            draft = Deciding(service, codec, book, now).run(items)
        if not draft.unread:
            return draft, book
        book.rows |= await load(draft.unread)
    raise LookupError(f"deciders of {service.name} asked for new keys {PASSES} times over; their needs do not come to an end")
