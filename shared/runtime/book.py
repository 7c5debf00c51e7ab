"""The states that one batch of decisions sees and changes. Nothing is read or written here; what was not loaded is asked for."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from shared.store.rows import StateRow


class NotLoaded(Exception):
    """A decision looked at a key that is not loaded; load it and decide again."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Book:
    """`types` names the state type of each namespace (the text before a key's first colon)."""

    def __init__(self, types: Mapping[str, type], rows: dict[str, StateRow]) -> None:
        self.types, self.rows = types, rows
        self.decoded: dict[str, Any] = {}
        self.changed: dict[str, Any] = {}
        self.believed: dict[str, int] = {}  # versions of what was remembered rather than read
        self.blocked: set[str] = {key for key, row in rows.items() if row.blocked}
        self.stopped: set[str] = {key for key, row in rows.items() if row.stopped}

    def again(self) -> "Book":
        """The same rows, before any decision."""
        book = Book(self.types, self.rows)
        book.decoded, book.believed = self.decoded, self.believed
        return book

    def get(self, key: str) -> Any:
        """The state of `key`, None when there is none. Raises NotLoaded."""
        if key in self.changed:
            return self.changed[key]
        if key not in self.decoded:
            self.decoded[key] = self._decode(key)
        return self.decoded[key]

    def put(self, key: str, state: object) -> None:
        self.changed[key] = state

    def version(self, key: str) -> int:
        """The version that was loaded, 0 for a key without a state."""
        return self.rows[key].version

    def missing(self, keys: Collection[str]) -> set[str]:
        return {key for key in keys if key not in self.rows}

    def _decode(self, key: str) -> Any:
        row = self.rows.get(key)
        if row is None:
            raise NotLoaded(key)
        return msgspec.json.decode(row.body, type=self._type(key)) if row.body is not None else None

    def _type(self, key: str) -> type:
        namespace = key.partition(":")[0]
        return self.types[namespace] if namespace in self.types else self.types[""]
