"""What the registry holds: schemas by id, versions by subject, levels. Pure: changes come in as journal lines, questions go out as values."""

import json
from dataclasses import dataclass, field

from deploy.embedded.registry.journal import Change
from shared.wire.compatibility import Level


@dataclass
class Version:
    number: int
    schema_id: int
    deleted: bool = False


@dataclass
class State:
    schemas: dict[int, str] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    subjects: dict[str, list[Version]] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    level: Level = Level.BACKWARD

    def apply(self, change: Change) -> None:
        match change["did"]:
            case "register":
                self._register(change["subject"], change["version"], change["id"], change["schema"])
            case "delete":
                self._delete(change["subject"], change["versions"], change["permanent"])
            case "level":
                self._set_level(change["subject"], change["level"])

    def versions(self, subject: str, deleted: bool = False) -> list[Version]:
        """Oldest first; those deleted softly only when asked for."""
        return [version for version in self.subjects.get(subject, []) if deleted or not version.deleted]

    def level_of(self, subject: str) -> Level:
        return self.levels.get(subject, self.level)

    def id_of(self, text: str) -> int | None:
        return self.ids.get(fingerprint(text))

    def next_version(self, subject: str) -> int:
        return self.highest.get(subject, 0) + 1

    def next_id(self) -> int:
        return max(self.schemas, default=0) + 1

    def _register(self, subject: str, number: int, schema_id: int, text: str) -> None:
        self.schemas[schema_id] = text
        self.ids[fingerprint(text)] = schema_id
        self.subjects.setdefault(subject, []).append(Version(number, schema_id))
        self.highest[subject] = number

    def _delete(self, subject: str, numbers: list[int], permanent: bool) -> None:
        """Ids outlive their versions: a record on a topic may still name one."""
        for version in self.subjects[subject]:
            version.deleted = version.deleted or version.number in numbers
        if permanent:
            self.subjects[subject] = [version for version in self.subjects[subject] if version.number not in numbers]
        if not self.subjects[subject]:
            del self.subjects[subject], self.highest[subject]
        if not self.versions(subject):
            self.levels.pop(subject, None)

    def _set_level(self, subject: str | None, level: str | None) -> None:
        if subject is None:
            self.level = Level(level) if level else Level.BACKWARD
        elif level is None:
            self.levels.pop(subject, None)
        else:
            self.levels[subject] = Level(level)


def fingerprint(text: str) -> str:
    """Schemas are the same when they differ in white space and the order of keys only."""
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
