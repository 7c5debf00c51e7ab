"""A step of a set-up: one object as it shall be, and the hash by which a difference is noticed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | Mapping[str, Json] | Sequence[Json] | None"
Body: TypeAlias = Mapping[str, Json]

RETIRE = "retire:"


class Unplannable(ValueError):
    """The contract cannot be laid out as objects of an ERP. `code` to group by; the message says what to correct."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Step:
    """`record` of the ERP with key `external_id` shall hold `body` (amounts as text). `replace`: lists that are replaced as a whole."""

    name: str
    target: str
    record: str
    external_id: str
    body: Body
    replace: tuple[str, ...] = ()
    method: str = "PUT"

    @property
    def content(self) -> dict[str, Json]:
        """What the adapter gets to see: JSON values only."""
        return {
            "method": self.method,
            "record": self.record,
            "external_id": self.external_id,
            "body": self.body,
            "replace": list(self.replace),
        }

    @property
    def content_hash(self) -> str:
        return sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()[:32]


def retirement(name: str, target: str, record: str, external_id: str) -> Step:
    """Takes an object out of use. It is not deleted: time and invoices may hang on it."""
    return Step(RETIRE + name, target, record, external_id, {"isInactive": True}, method="PATCH")


def ref(external_id: str) -> Body:
    return {"externalId": external_id}


def choice(value: str) -> Body:
    return {"id": value}
