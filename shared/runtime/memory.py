"""States as this process left them, so that a lane's own keys are not read again for every batch. Nothing is read or written here.

A state is remembered only where records of a single topic change it: then only the owner of its lane does, and a lane that is lost or taken up
anew forgets everything. The commit checks all the same that what was remembered still holds, and forgets it where not.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, NamedTuple

from shared.runtime.book import Book
from shared.runtime.decision import Service, shared_namespaces
from shared.store.rows import Batch, StateRow

BYTES = 64_000_000
OVERHEAD = 1000  # bytes of a remembered state beside its content


class Remembered(NamedTuple):
    """`state` is what `row` held, decoded; `size` in bytes, as it was encoded."""

    row: StateRow
    state: Any
    size: int


class Memory:
    def __init__(self, service: Service, limit: int = BYTES) -> None:
        self.namespaces = frozenset(route.namespace for route in service.routes) - shared_namespaces(service)
        self.known: OrderedDict[str, Remembered] = OrderedDict()  # the last changed stand last
        self.limit, self.size = limit, 0

    def recall(self, keys: Collection[str], into: Book) -> None:
        """Put what is remembered of `keys` into the book, as believed."""
        for key in keys:
            if (found := self.known.get(key)) is not None:
                into.rows[key], into.decoded[key], _ = found
                into.believed[key] = found.row.version

    def learn(self, batch: Batch, book: Book) -> None:
        """Remember what was just committed."""
        for change in batch.states:
            key = change.key
            if key[: key.find(":")] in self.namespaces:
                origin = change.origin or book.rows[key].origin
                size = OVERHEAD + len(change.body) + len(origin or b"")
                gone = self.known.pop(key, None)
                self.known[key] = Remembered(StateRow(change.version, change.waiting, None, origin, False), book.changed[key], size)
                self.size += size - (gone.size if gone else 0)
        for key in book.blocked:
            self._drop(key)
        while self.size > self.limit:
            self.size -= self.known.popitem(last=False)[1].size

    def forget(self) -> None:
        self.known.clear()
        self.size = 0

    def _drop(self, key: str) -> None:
        if (gone := self.known.pop(key, None)) is not None:
            self.size -= gone.size
