"""What this service asks of a PSA: one object, as it shall be, under the key that we gave it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.runtime.decision import Intent


@dataclass(frozen=True, slots=True, kw_only=True)
class PsaCall:
    """The content of an intent. Amounts in `fields` are text; a reference is an object with the external id of what it points at.

    `update_only`: change the object if it is there, and make none.
    """

    object: str
    external_id: str
    fields: Mapping[str, Any]
    update_only: bool = False


def call_of(intent: Intent) -> PsaCall:
    """Raises msgspec.ValidationError for content that this service did not write."""
    return msgspec.convert(intent.content, PsaCall)
