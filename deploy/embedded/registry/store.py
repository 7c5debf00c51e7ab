"""The registry's rules: what may be registered, looked up, deleted. A change is journalled first, then applied."""

from typing import Any

from deploy.embedded.registry import errors
from deploy.embedded.registry.journal import Change, Journal
from deploy.embedded.registry.state import State, Version
from shared.wire import compatibility
from shared.wire.compatibility import InvalidSchema, Level


class Store:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.state = State()
        for change in journal.replay():
            self.state.apply(change)

    def register(self, subject: str, text: str) -> int:
        """Id of the schema, which becomes the subject's next version unless it has it already. Raises ApiError 409 or 422."""
        self._parse(text)
        known = self.state.id_of(text)
        if any(version.schema_id == known for version in self.state.versions(subject)):
            return known or 0
        reasons = self.violations(subject, text, self._earlier(subject))
        if reasons:
            raise errors.incompatible(subject, reasons)
        schema_id = known or self.state.next_id()
        number = self.state.next_version(subject)
        self._record({"did": "register", "subject": subject, "version": number, "id": schema_id, "schema": self.state.schemas.get(schema_id, text)})
        return schema_id

    def look_up(self, subject: str, text: str, deleted: bool) -> dict[str, Any]:
        self._parse(text)
        versions = self._versions(subject, deleted)
        known = self.state.id_of(text)
        for version in versions:
            if version.schema_id == known:
                return self.describe(subject, version)
        raise errors.schema_not_found()

    def violations(self, subject: str, text: str, earlier: list[str]) -> list[str]:
        """Why the subject's level forbids the schema after `earlier`. Raises ApiError 422."""
        try:
            return compatibility.violations(self.state.level_of(subject), text, earlier)
        except InvalidSchema as problem:
            raise errors.invalid_schema(str(problem)) from problem

    def violations_against(self, subject: str, text: str, version: str | None) -> list[str]:
        """Against one version; or, without one, against those that the subject's level looks at."""
        if version is None:
            return self.violations(subject, text, self._earlier(subject))
        found = self.version(subject, version, deleted=False)
        return self.violations(subject, text, [self.state.schemas[found.schema_id]])

    def subjects(self, deleted: bool, prefix: str) -> list[str]:
        return sorted(name for name in self.state.subjects if name.startswith(prefix) and self.state.versions(name, deleted))

    def version_numbers(self, subject: str, deleted: bool) -> list[int]:
        return [version.number for version in self._versions(subject, deleted)]

    def version(self, subject: str, wanted: str, deleted: bool) -> Version:
        number = _number(wanted)
        versions = self._versions(subject, deleted)
        for version in versions if number else versions[-1:]:
            if version.number == number or number is None:
                return version
        raise errors.version_not_found(wanted)

    def describe(self, subject: str, version: Version) -> dict[str, Any]:
        return {"subject": subject, "version": version.number, "id": version.schema_id, "schema": self.state.schemas[version.schema_id]}

    def schema(self, schema_id: int) -> str:
        if schema_id not in self.state.schemas:
            raise errors.schema_not_found()
        return self.state.schemas[schema_id]

    def uses(self, schema_id: int, deleted: bool) -> list[dict[str, Any]]:
        self.schema(schema_id)
        pairs = [(subject, version) for subject in sorted(self.state.subjects) for version in self.state.versions(subject, deleted)]
        return [{"subject": subject, "version": version.number} for subject, version in pairs if version.schema_id == schema_id]

    def delete_subject(self, subject: str, permanent: bool) -> list[int]:
        """Numbers of the versions deleted."""
        if not self.state.versions(subject, deleted=True):
            raise errors.subject_not_found(subject)
        live = self.state.versions(subject)
        if permanent and live:
            raise errors.subject_not_soft_deleted(subject)
        if not permanent and not live:
            raise errors.subject_not_found(subject)
        numbers = [version.number for version in (self.state.versions(subject, deleted=True) if permanent else live)]
        self._record({"did": "delete", "subject": subject, "versions": numbers, "permanent": permanent})
        return numbers

    def delete_version(self, subject: str, wanted: str, permanent: bool) -> int:
        version = self.version(subject, wanted, deleted=permanent)
        if permanent and not version.deleted:
            raise errors.version_not_soft_deleted(subject, version.number)
        self._record({"did": "delete", "subject": subject, "versions": [version.number], "permanent": permanent})
        return version.number

    def set_level(self, subject: str | None, level: object) -> Level:
        if level not in list(Level):
            raise errors.invalid_level(level)
        self._record({"did": "level", "subject": subject, "level": level})
        return Level(str(level))

    def clear_level(self, subject: str | None) -> Level:
        """The level that no longer holds."""
        before = self.state.level if subject is None else self.own_level(subject)
        self._record({"did": "level", "subject": subject, "level": None})
        return before

    def own_level(self, subject: str) -> Level:
        if subject not in self.state.levels:
            raise errors.no_level_of_its_own(subject)
        return self.state.levels[subject]

    def _earlier(self, subject: str) -> list[str]:
        return [self.state.schemas[version.schema_id] for version in self.state.versions(subject)]

    def _versions(self, subject: str, deleted: bool) -> list[Version]:
        versions = self.state.versions(subject, deleted)
        if not versions:
            raise errors.subject_not_found(subject)
        return versions

    def _parse(self, text: str) -> None:
        try:
            compatibility.parse(text)
        except InvalidSchema as problem:
            raise errors.invalid_schema(str(problem)) from problem

    def _record(self, change: Change) -> None:
        self._journal.append(change)
        self.state.apply(change)


def _number(wanted: str) -> int | None:
    """None for the latest, which clients also write as -1."""
    if wanted in ("latest", "-1"):
        return None
    if not wanted.isdecimal() or not 0 < int(wanted) < 1 << 31:
        raise errors.invalid_version(wanted)
    return int(wanted)
