"""A step of the set-up: one object as it shall be, and the hash by which a difference is noticed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

Json = str | bool | Mapping[str, str] | None
Fields = Mapping[str, Json]

RETIRE = "retire:"


@dataclass(frozen=True, slots=True)
class Step:
    """`object_name` with key `external_id` shall have `fields` (amounts as text, references by external id).

    `opening` is said only when the object is new or comes back into use: from then on those fields are the PSA's to change.
    `update_only`: the object is changed if it is there, and never made.
    """

    name: str
    object_name: str
    external_id: str
    fields: Fields
    opening: Fields = field(default_factory=dict)
    update_only: bool = False

    @property
    def content_hash(self) -> str:
        content = [self.object_name, self.external_id, self.fields]
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]

    def content(self, opening: bool) -> Mapping[str, object]:
        """What the adapter gets to see: JSON values only."""
        fields = {**self.fields, **(self.opening if opening else {})}
        return {"object": self.object_name, "external_id": self.external_id, "fields": fields, "update_only": self.update_only}
