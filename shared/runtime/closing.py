"""What a batch of decisions says of its lanes and of its waits. Pure."""

from collections.abc import Sequence

from shared.runtime.book import Book
from shared.runtime.decision import WaitFor
from shared.runtime.work import Item
from shared.store.rows import Fence, WaitChange


def fences_of(items: Sequence[Item]) -> list[Fence]:
    """One fence a lane: from what is committed to behind the last record of the batch."""
    last: dict[int, tuple[Item, int]] = {}
    for item in items:
        claim = item.claim
        new = item.record.offset + 1 if item.record else claim.next
        known = last.get(id(claim))
        last[id(claim)] = (item, max(new, known[1] if known else claim.next))
    return [Fence(item.claim.lane, item.claim.next, new, item.claim.epoch) for item, new in last.values()]


def wait_of(item: Item, key: str, wait: WaitFor, book: Book) -> WaitChange:
    """`key` waits for what `wait` names, whose state as the decider read it is noted, so that no supply is missed."""
    read = book.version(wait.key) if wait.key in book.rows else None
    amount, currency = (wait.value.amount, wait.value.currency) if wait.value else (None, None)
    return WaitChange(key, wait.key, wait.queue, wait.reason, amount, currency, item.claim.lane, item.trace, read)
