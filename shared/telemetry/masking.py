"""What nobody may read in a log, a span or a kept exchange is replaced before it is written."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "***"
SECRET_NAME = re.compile(
    r"authorization|token|passw(or)?d|secret|signature|assertion|api[-_]?key|private[-_]?key|credential|cookie|hmac", re.IGNORECASE
)
_INLINE = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {MASK}"),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),  # a password inside an address
    (re.compile(r"""(?i)((?:access_token|refresh_token|client_secret|client_assertion|password)["']?\s*[=:]\s*["']?)[^\s&"',}]+"""), rf"\1{MASK}"),
)


def masked(value: Any, name: str = "") -> Any:
    """`value` with every secret in it replaced: by the name it goes under, and inside texts by its look."""
    if value is not None and name and SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return masked_text(value)
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def masked_text(text: str) -> str:
    """A text with bearer tokens, passwords in addresses and secret form or JSON fields replaced."""
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return text
