"""What this service asks of an ERP: one object, as it shall be, under the key that we gave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.runtime.decision import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpCall:
    """The content of an intent. `method` PUT makes or changes the object, PATCH changes one that exists. Amounts in `body` are text.

    `replace` names the lists of `body` that take the place of what the object holds, instead of being added to it.
    """

    method: str
    record: str
    external_id: str
    body: Mapping[str, Any]
    replace: tuple[str, ...] = ()


def call_of(intent: Intent) -> ErpCall:
    """Raises msgspec.ValidationError for content that this service did not write."""
    return msgspec.convert(intent.content, ErpCall)
