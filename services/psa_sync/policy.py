"""What follows from a refusal: a wait on the key that would cure it, or a dead letter."""

import re
from dataclasses import dataclass

from services.psa_sync.domain.mappings import code_key
from shared.kernel.cause import Cause
from shared.kernel.engagement import Engagement

PSA = "psa"
QUEUE = "resource management"

# A resource is referred to by its code: the PSA says that no such resource is there, or that the role is none of its own.
_UNKNOWN_CODE = {
    "INVALID_FIELD": re.compile(r"Foreign key external ID: .* in entity Contact\b"),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": re.compile(r"\bRole\b"),
    "INVALID_CROSS_REFERENCE_KEY": re.compile(r"pse__Resource__c|\bResource\b"),
}


@dataclass(frozen=True, slots=True)
class Cure:
    """The key that a refused contract waits for, and whose it is to supply it."""

    key: str
    queue: str
    reason: str


def cure_of(step: str, cause: Cause, engagement: Engagement) -> Cure | None:
    """What would cure the refusal of `step`; None when no known key would."""
    kind, _, role = step.partition(":")
    wording = _UNKNOWN_CODE.get(cause.code)
    if kind != "assignment" or wording is None or not wording.search(cause.message):
        return None
    key = code_key(role, engagement)
    return Cure(key, QUEUE, f"the PSA does not know the resource code of role {role}: {cause.message}; load the right code for {key}")
