"""What follows from a refusal: a wait on the key that would cure it, or a dead letter."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from services.erp_provisioning.domain.mappings import legal_entity_key
from services.erp_provisioning.domain.names import terms_id
from shared.kernel.cause import Cause
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement


@dataclass(frozen=True, slots=True)
class Cure:
    """The key that a refused contract waits for, and whose it is to supply it."""

    key: str
    queue: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A refusal with one of `codes` whose message has `wording` in it is cured by what `cure` names."""

    codes: frozenset[str]
    wording: re.Pattern[str]
    cure: Callable[[Contract, Engagement, Cause], Cure]


def cure_of(cause: Cause, contract: Contract, engagement: Engagement) -> Cure | None:
    """What would cure the refusal; None when no known key would."""
    for rule in RULES:
        if cause.code in rule.codes and rule.wording.search(cause.message):
            return rule.cure(contract, engagement, cause)
    return None


def _legal_entity(contract: Contract, engagement: Engagement, cause: Cause) -> Cure:
    key = legal_entity_key(engagement)
    subsidiary = engagement.legal_entity.subsidiary
    reason = f"{engagement.tenant} does not take subsidiary {subsidiary!r}: {cause.message}; correct the mapping {key} or set the subsidiary up"
    return Cure(key, "master data", reason)


def _currency(contract: Contract, engagement: Engagement, cause: Cause) -> Cure:
    return _erp_setup(f"currency-{contract.currency}", f"currency {contract.currency}", engagement, cause)


def _terms(contract: Contract, engagement: Engagement, cause: Cause) -> Cure:
    terms = contract.payment_terms or ""
    return _erp_setup(f"terms-{terms_id(terms)}", f"payment terms {terms!r} with external id {terms_id(terms)!r}", engagement, cause)


def _erp_setup(thing: str, words: str, engagement: Engagement, cause: Cause) -> Cure:
    key = f"erp_setup:{thing}@{engagement.tenant}"
    return Cure(key, "finance operations", f"{cause.message}; set up {words} in {engagement.tenant}, then report {key} as a mapping")


_DATA = frozenset({"USER_ERROR", "INVALID_KEY_OR_REF", "INVALID_CONTENT"})

RULES = (
    Rule(_DATA, re.compile(r"\bsubsidiary\b", re.IGNORECASE), _legal_entity),
    Rule(_DATA, re.compile(r"\bcurrency\b", re.IGNORECASE), _currency),
    Rule(_DATA, re.compile(r"\b(initialTerms|milestoneTerms|paymentTerms|terms)\b"), _terms),
)
