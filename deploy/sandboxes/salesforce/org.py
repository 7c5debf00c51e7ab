"""The org: creating, changing, finding and deleting records of its objects."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from deploy.sandboxes.common.faults import Faults
from deploy.sandboxes.common.journal import JsonObject
from deploy.sandboxes.common.store import Store, Stored
from deploy.sandboxes.salesforce import errors
from deploy.sandboxes.salesforce.ids import canonical, record_id
from deploy.sandboxes.salesforce.objects import EXTERNAL_KEY, Field, SObject
from deploy.sandboxes.salesforce.values import kept


class Org:
    """Every method raises SalesforceError when the vendor would refuse."""

    def __init__(self, name: str, objects: dict[str, SObject], store: Store, faults: Faults) -> None:
        self.name, self._objects, self._store, self._faults = name, objects, store, faults

    def sobject(self, name: str) -> SObject:
        if name not in self._objects:
            raise errors.not_found()
        return self._objects[name]

    def all(self, sobject: SObject) -> list[Stored]:
        return self._store.all(self.name, sobject.name)

    def by_id(self, sobject: SObject, text: str) -> Stored:
        internal_id = canonical(text)
        if internal_id is None:
            raise errors.malformed_id(text)
        found = self._store.get(self.name, sobject.name, internal_id)
        if found is None:
            raise errors.not_found("Provided external ID field does not exist or is not accessible: " + text)
        return found

    def by_key(self, sobject: SObject, field: str, value: str) -> Stored | None:
        column = sobject.fields.get(field)
        if column is None or not column.external_id:
            raise errors.not_found(f"Provided external ID field does not exist or is not accessible: {field}")
        return self._store.find(self.name, sobject.name, value)

    def pointed_at(self, column: Field, internal_id: str) -> Stored | None:
        return self._store.get(self.name, column.references or "", internal_id)

    def create(self, sobject: SObject, body: JsonObject) -> Stored:
        key = body.get(EXTERNAL_KEY)
        known = self._store.find(self.name, sobject.name, key) if isinstance(key, str) else None
        if known is not None:
            raise errors.duplicate(EXTERNAL_KEY, known.id)
        return self._write(sobject, None, body)

    def change(self, known: Stored, body: JsonObject) -> Stored:
        key = body.get(EXTERNAL_KEY)
        taken = self._store.find(self.name, known.record, key) if isinstance(key, str) else None
        if taken is not None and taken is not known:
            raise errors.duplicate(EXTERNAL_KEY, taken.id)
        return self._write(self._objects[known.record], known, body)

    def upsert(self, sobject: SObject, field: str, value: str, body: JsonObject, update_only: bool) -> tuple[Stored, bool]:
        """(the object, whether it was created): the second identical call finds what the first one made."""
        known = self.by_key(sobject, field, value)
        for name in (field, "Id"):
            if name in body:
                raise errors.not_in_body(name)
        if known is None and update_only:
            raise errors.not_found()
        return self._write(sobject, known, {**body, field: value}), known is None

    def delete(self, known: Stored) -> None:
        for child in self._objects.values():
            columns = [column.name for column in child.fields.values() if column.references == known.record]
            if any(each.fields.get(column) == known.id for each in self.all(child) for column in columns):
                message = f"Your attempt to delete {known.id} could not be completed because it is associated with records of {child.name}."
                raise errors.SalesforceError(400, "DELETE_FAILED", message)
        self._store.delete(known)

    def _write(self, sobject: SObject, known: Stored | None, body: JsonObject) -> Stored:
        rejection = self._faults.take_rejection(self.name, sobject.name, body)
        if rejection is not None:
            raise errors.SalesforceError(rejection.status, rejection.code, rejection.message, (rejection.field,))
        change = self._checked(sobject, body)
        after = {name: value for name, value in {**(known.fields if known else {}), **change}.items() if value is not None}
        missing = [column.name for column in sobject.fields.values() if column.required and after.get(column.name) in (None, "")]
        if missing:
            raise errors.required_missing(missing)
        stored = self._stored(sobject, known, after)
        self._store.put(stored)
        return stored

    def _stored(self, sobject: SObject, known: Stored | None, fields: JsonObject) -> Stored:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        key = fields.get(EXTERNAL_KEY)
        if known is not None:
            return replace(known, external_id=key, fields=fields, changed_at=now)
        serial = self._store.next_serial(self.name)
        return Stored(
            tenant=self.name, record=sobject.name, id=record_id(sobject.prefix, serial), serial=serial, namespace=sobject.name,
            external_id=key, fields=fields, created_at=now, changed_at=now,
        )  # fmt: skip

    def _checked(self, sobject: SObject, body: JsonObject) -> JsonObject:
        change: JsonObject = {}
        closed: list[str] = []
        for name, value in body.items():
            if name == "attributes":
                continue
            if name in sobject.by_relationship and isinstance(value, dict):
                column = sobject.by_relationship[name]
                change[column.name] = self._related(column, value)
            elif name not in sobject.fields:
                raise errors.no_such_column(name, sobject.name)
            elif not sobject.fields[name].write:
                closed.append(name)
            else:
                change[name] = None if value in (None, "") else self._kept(sobject.fields[name], value)
        if closed:
            raise errors.read_only(closed)
        return change

    def _kept(self, column: Field, value: Any) -> Any:
        return self._reference(column, value) if column.type == "reference" else kept(column, value)

    def _reference(self, column: Field, value: Any) -> str:
        internal_id = canonical(value) if isinstance(value, str) else None
        target = self._objects.get(column.references or "")
        if internal_id is None or (target is not None and not internal_id.startswith(target.prefix)):
            raise errors.malformed_reference(column.label, column.name, value)
        # Users, record types and the like are not modelled: any well-formed id of theirs will do.
        if target is not None and self.pointed_at(column, internal_id) is None:
            raise errors.bad_reference(column.name)
        return internal_id

    def _related(self, column: Field, value: JsonObject) -> str:
        """A reference told by the external id of what it points at, as in {"pse__Project__r": {"Throughline_Key__c": "C-1"}}."""
        named = {name: part for name, part in value.items() if name != "attributes"}
        target = self._objects.get(column.references or "")
        if target is None or len(named) != 1:
            raise errors.no_such_column(column.relationship or column.name, column.references or "")
        ((field, key),) = named.items()
        if field not in target.fields or not target.fields[field].external_id:
            message = f"More than 1 field provided in an external foreign key reference, or {field} is no external id of {target.name}"
            raise errors.SalesforceError(400, "INVALID_FIELD", message)
        found = self._store.find(self.name, target.name, key) if isinstance(key, str) else None
        if found is None:
            raise errors.foreign_key_not_found(key, field, target.name)
        return found.id
