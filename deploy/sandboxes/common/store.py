"""The objects a sandbox holds: found by internal id, by external id, or all of a record type; rebuilt from the journal."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from deploy.sandboxes.common.journal import Journals, JsonObject, replay


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
        for line in replay(journals.paths["objects"]):
            self._restore(line)

    def _restore(self, line: JsonObject) -> None:
        if "deleted" in line:
            known = self._tables[line["tenant"], line["record"]].get(line["deleted"])
            if known is not None:
                self._forget(known)
        else:
            self._remember(Stored(**line))

    def next_serial(self, tenant: str) -> int:
        self._serials[tenant] += 1
        return self._serials[tenant]

    def get(self, tenant: str, record: str, internal_id: str) -> Stored | None:
        return self._tables[tenant, record].get(internal_id)

    def find(self, tenant: str, namespace: str, external_id: str) -> Stored | None:
        return self._by_external_id.get((tenant, namespace, external_id))

    def all(self, tenant: str, record: str) -> list[Stored]:
        return list(self._tables[tenant, record].values())

    def tables(self) -> Iterator[tuple[str, str, list[Stored]]]:
        """(tenant, record type, objects) of every table that holds something."""
        for (tenant, record), table in list(self._tables.items()):
            if table:
                yield tenant, record, list(table.values())

    def put(self, stored: Stored) -> None:
        self._remember(stored)
        self._journals.append("objects", msgspec.json.encode(stored))

    def delete(self, stored: Stored) -> None:
        self._forget(stored)
        line = {"tenant": stored.tenant, "record": stored.record, "deleted": stored.id}
        self._journals.append("objects", msgspec.json.encode(line))

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
