"""Keys that we give to objects in the ERP: derived, unique, and of letters, digits, hyphens and underscores only."""

import re
from hashlib import sha256

from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement

NAME_LENGTH = 83  # characters of an entity's or project's name
_KEY_LENGTH = 60
_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_OTHER = re.compile(r"[^A-Za-z0-9-]+")


def external_id(kind: str, *parts: str) -> str:
    """`KIND_part_part`; with the parts' hash behind it when a part had to be changed to fit, so that no two keys fall together.

    A plain part has no underscore, so a changed key, which has one more underscore, is never equal to an unchanged one.
    """
    key = "_".join((kind, *parts))
    if all(_PLAIN.fullmatch(part) for part in parts) and len(key) <= _KEY_LENGTH:
        return key
    digest = sha256("\x1f".join((kind, *parts)).encode()).hexdigest()[:16]
    readable = [(_OTHER.sub("-", part).strip("-") or "x")[:16] for part in parts]
    return "_".join((kind, *readable, digest))


def customer_id(account_id: str, engagement: Engagement) -> str:
    """One customer object for each subsidiary that sells to the account: an object has one primary subsidiary, and two contracts of one
    customer with two of our companies would otherwise overwrite each other's for ever."""
    return external_id("C", account_id, engagement.legal_entity.subsidiary)


def project_id(contract: Contract) -> str:
    return external_id("P", contract.contract_id)


def line_task_id(contract: Contract, line_id: str) -> str:
    return external_id("T", contract.contract_id, line_id)


def milestone_task_id(contract: Contract, milestone_id: str) -> str:
    return external_id("M", contract.contract_id, milestone_id)


def terms_id(terms: str) -> str:
    """The external id that an ERP's payment terms are expected to have: `Net 30` is `Net-30`."""
    return _OTHER.sub("-", terms).strip("-")


def short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
