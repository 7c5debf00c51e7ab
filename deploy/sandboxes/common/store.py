"""The objects a sandbox holds: found by internal id, by external id, or all of a record type; rebuilt from the journal."""

import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from deploy.sandboxes.common.journal import Journals, JsonObject, replay
from deploy.sandboxes.common.requests import content_digest

T = TypeVar("T")
LONGEST_LAG_S = 60.0
_behind: ContextVar[float] = ContextVar("behind", default=0.0)
_body: ContextVar[bytes] = ContextVar("body", default=b"")


def reading_behind(seconds: float) -> AbstractContextManager[None]:
    """Whoever reads within sees what the store held so long ago, LONGEST_LAG_S at the most."""
    return _within(_behind, seconds)


def told_by(body: bytes) -> AbstractContextManager[None]:
    """What is put within is kept with the digest of `body`: a process that is killed then may leave the object without the call that made it."""
    return _within(_body, body)


@contextmanager
def _within(variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


@dataclass(frozen=True, slots=True)
class _Change:
    """What an object was until `at`; None: it was not there."""

    at: float
    place: tuple[str, str, str]
    before: "Stored | None"


@dataclass(slots=True, kw_only=True)
class Stored:
    """One object. `namespace` is the room in which its external id is unique; amounts in `fields` are decimal strings."""

    tenant: str
    record: str
    id: str
    serial: int
    namespace: str
    external_id: str | None
    fields: JsonObject
    created_at: str
    changed_at: str


class Store:
    """All objects in memory, every change in the journal. Answers must wait for `Journals.committed` before they leave."""

    def __init__(self, journals: Journals) -> None:
        self._journals = journals
        self._tables: dict[tuple[str, str], dict[str, Stored]] = defaultdict(dict)
        self._by_external_id: dict[tuple[str, str, str], Stored] = {}
        self._serials: dict[str, int] = defaultdict(int)
        self._changes: deque[_Change] = deque()  # of the last LONGEST_LAG_S, oldest first
        for line in replay(journals.paths["objects"]):
            self._restore(line)

    def _restore(self, line: JsonObject) -> None:
        if "deleted" in line:
            known = self._tables[line["tenant"], line["record"]].get(line["deleted"])
            if known is not None:
                self._forget(known)
        else:
            line.pop("digest", None)
            self._remember(Stored(**line))

    def next_serial(self, tenant: str) -> int:
        self._serials[tenant] += 1
        return self._serials[tenant]

    def get(self, tenant: str, record: str, internal_id: str) -> Stored | None:
        return self._seen(self._tables[tenant, record].get(internal_id))

    def find(self, tenant: str, namespace: str, external_id: str) -> Stored | None:
        return self._seen(self._by_external_id.get((tenant, namespace, external_id)))

    def all(self, tenant: str, record: str) -> list[Stored]:
        return [seen for held in self._tables[tenant, record].values() if (seen := self._seen(held))]

    def tables(self) -> Iterator[tuple[str, str, list[Stored]]]:
        """(tenant, record type, objects) of every table that holds something."""
        for (tenant, record), table in list(self._tables.items()):
            if table:
                yield tenant, record, list(table.values())

    def put(self, stored: Stored) -> None:
        self._note_change(stored)
        self._remember(stored)
        digest = content_digest(body) if (body := _body.get()) else None
        self._journals.append("objects", msgspec.json.encode({**msgspec.to_builtins(stored), "digest": digest}))

    def delete(self, stored: Stored) -> None:
        self._forget(stored)
        line = {"tenant": stored.tenant, "record": stored.record, "deleted": stored.id}
        self._journals.append("objects", msgspec.json.encode(line))

    def _note_change(self, stored: Stored) -> None:
        now, place = time.monotonic(), (stored.tenant, stored.record, stored.id)
        self._changes.append(_Change(now, place, self._tables[stored.tenant, stored.record].get(stored.id)))
        while self._changes[0].at < now - LONGEST_LAG_S:
            self._changes.popleft()

    def _seen(self, held: Stored | None) -> Stored | None:
        """`held` as this reader sees it: as it is now, or as it was before the first change that the reader does not see yet."""
        if held is None or not (lag := _behind.get()):
            return held
        unseen, place = time.monotonic() - lag, (held.tenant, held.record, held.id)
        return next((change.before for change in self._changes if change.at > unseen and change.place == place), held)

    def _remember(self, stored: Stored) -> None:
        known = self._tables[stored.tenant, stored.record].get(stored.id)
        if known is not None:
            self._forget(known)
        self._tables[stored.tenant, stored.record][stored.id] = stored
        self._serials[stored.tenant] = max(self._serials[stored.tenant], stored.serial)
        if stored.external_id is not None:
            self._by_external_id[stored.tenant, stored.namespace, stored.external_id] = stored

    def _forget(self, stored: Stored) -> None:
        self._tables[stored.tenant, stored.record].pop(stored.id, None)
        if stored.external_id is not None:
            self._by_external_id.pop((stored.tenant, stored.namespace, stored.external_id), None)
