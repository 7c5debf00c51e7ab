"""Keys that we give to objects in the PSA: derived, unique, and of capitals, digits, hyphens and underscores only."""

import re
from hashlib import sha256

NAME_LENGTH = 80  # characters of a record's name in Salesforce
_PLAIN = re.compile(r"[A-Z0-9-]+")
_OTHER = re.compile(r"[^A-Za-z0-9-]+")
_KEY_LENGTH = 100


def external_id(kind: str, *parts: str) -> str:
    """`KIND_part_part`; with the parts' hash behind it when a part had to be changed to fit, so that no two keys fall together.

    Salesforce takes c-1 and C-1 for one external id, so parts with small letters carry the hash as well. A plain part has no underscore, so a
    changed key, which has one more, is never equal to an unchanged one.
    """
    key = "_".join((kind, *parts))
    if all(_PLAIN.fullmatch(part) for part in parts) and len(key) <= _KEY_LENGTH:
        return key
    digest = sha256("\x1f".join((kind, *parts)).encode()).hexdigest()[:20]
    readable = [(_OTHER.sub("-", part).strip("-") or "x")[:24] for part in parts]
    return "_".join((kind, *readable, digest))


def short(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…"
