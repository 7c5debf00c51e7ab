"""The books of the accounts: creating, changing, finding and deleting records under the published contract."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from deploy.sandboxes.common.front import Room
from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Stored
from deploy.sandboxes.netsuite import errors
from deploy.sandboxes.netsuite.check import checked, complete
from deploy.sandboxes.netsuite.contract import Record, records
from deploy.sandboxes.netsuite.seeds import SEEDED, find_seeded
from deploy.sandboxes.netsuite.sublists import merged
from deploy.sandboxes.netsuite.values import Resolve

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]+")


class Books:
    """Every method raises NetSuiteError when the vendor would refuse."""

    def __init__(self, room: Room) -> None:
        self._store, self._faults = room.store, room.faults

    def all(self, account: str, record: Record) -> list[Stored]:
        return self._store.all(account, record.name)

    def get(self, account: str, record: Record, key: str) -> Stored:
        """`key` is an internal id or eid:EXTERNAL."""
        found = self._by_external_id(account, record, key[4:]) if key.startswith("eid:") else self._store.get(account, record.name, key)
        if found is None:
            raise errors.no_such_instance()
        return found

    def create(self, account: str, record: Record, body: JsonObject) -> Stored:
        external_id = body.get("externalId")
        if external_id is not None:
            _check_external_id(external_id)
            self._refuse_taken(account, record, external_id)
        return self._write(account, record, None, external_id, body, frozenset())

    def change(self, account: str, record: Record, key: str, body: JsonObject, replaced: frozenset[str]) -> Stored:
        known = self.get(account, record, key)
        external_id = body.get("externalId", known.external_id)
        if external_id is not None and external_id != known.external_id:
            _check_external_id(external_id)
            self._refuse_taken(account, record, external_id)
        return self._write(account, record, known, external_id, body, replaced)

    def upsert(self, account: str, record: Record, key: str, body: JsonObject, replaced: frozenset[str]) -> Stored:
        """Only by external id: the second identical call finds what the first one made."""
        if not key.startswith("eid:"):
            raise errors.bad_id(key)
        external_id = key[4:]
        if body.get("externalId", external_id) != external_id:
            raise errors.bad_value("externalId")
        known = self._by_external_id(account, record, external_id)
        if known is None:
            self._refuse_taken(account, record, external_id)
        return self._write(account, record, known, external_id, body, replaced)

    def delete(self, account: str, record: Record, key: str) -> None:
        if not record.deletable:
            raise errors.NetSuiteError(405, "METHOD_NOT_ALLOWED", f"DELETE is not offered for record '{record.name}'.")
        known = self.get(account, record, key)
        if self._is_referred_to(known):
            raise errors.user_error("This record cannot be deleted because it has dependent records.")
        self._store.delete(known)

    def _write(
        self, account: str, record: Record, known: Stored | None, external_id: str | None, body: JsonObject, replaced: frozenset[str]
    ) -> Stored:
        rejection = self._faults.take_rejection(account, record.name, {**body, "externalId": external_id})
        if rejection is not None:
            raise errors.NetSuiteError(rejection.status, rejection.code, rejection.message, ("o:errorPath", rejection.field))
        change = checked(record, body, self._resolver(account))
        fields = merged(record, known.fields if known else {}, change, replaced)
        complete(record, fields)
        stored = self._stored(account, record, known, external_id, fields)
        self._store.put(stored)
        return stored

    def _stored(self, account: str, record: Record, known: Stored | None, external_id: str | None, fields: JsonObject) -> Stored:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if known is not None:
            return replace(known, external_id=external_id, fields=fields, changed_at=now)
        serial = self._store.next_serial(account)
        return Stored(
            tenant=account, record=record.name, id=str(serial), serial=serial, namespace=record.group,
            external_id=external_id, fields=fields, created_at=now, changed_at=now,
        )  # fmt: skip

    def _by_external_id(self, account: str, record: Record, external_id: str) -> Stored | None:
        _check_external_id(external_id)
        found = self._store.find(account, record.group, external_id)
        return found if found is not None and found.record == record.name else None

    def _refuse_taken(self, account: str, record: Record, external_id: str) -> None:
        """External ids are unique in the whole record group: a job cannot have its customer's."""
        if self._store.find(account, record.group, external_id) is not None:
            what = "entity" if record.group == "entity" else "record"
            raise errors.user_error(f"This {what} already exists.", "externalId")

    def _resolver(self, account: str) -> Resolve:
        def resolve(target: str, asked: JsonObject) -> JsonObject | None:
            if target in SEEDED:
                return find_seeded(target, asked)
            return self._pointed_at(account, target, asked)

        return resolve

    def _pointed_at(self, account: str, target: str, asked: JsonObject) -> JsonObject | None:
        record = records()[target]
        by_id = self._store.get(account, target, asked["id"]) if "id" in asked else None
        found = by_id if "id" in asked else self._store.find(account, record.group, asked["externalId"])
        if found is None or found.record != target or asked.get("externalId", found.external_id) != found.external_id:
            return None
        return {"id": found.id, "externalId": found.external_id, "record": found.record}

    def _is_referred_to(self, known: Stored) -> bool:
        return any(
            _mentions(each.fields, known)
            for tenant, _, objects in self._store.tables() if tenant == known.tenant
            for each in objects if each is not known
        )  # fmt: skip


def _mentions(value: object, known: Stored) -> bool:
    if isinstance(value, dict):
        points = value.get("id") == known.id and value.get("record") == known.record
        return points or any(_mentions(part, known) for part in value.values())
    return isinstance(value, list) and any(_mentions(part, known) for part in value)


def _check_external_id(external_id: object) -> None:
    if not isinstance(external_id, str) or _EXTERNAL_ID.fullmatch(external_id) is None:
        raise errors.bad_id(f"eid:{external_id}")
