"""Salesforce record ids: fifteen characters that mind their case, three more that protect it."""

import re

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def record_id(prefix: str, serial: int) -> str:
    """The 18-character id of the object with this serial number."""
    digits = ""
    while serial:
        serial, digit = divmod(serial, 62)
        digits = _DIGITS[digit] + digits
    return with_check(prefix + "TL" + digits.rjust(10, "0"))


def with_check(fifteen: str) -> str:
    """Each of the three last characters says which of five letters are capitals."""
    fives = (fifteen[at : at + 5] for at in (0, 5, 10))
    return fifteen + "".join(_CHECK[sum(1 << at for at, letter in enumerate(five) if letter.isupper())] for five in fives)


def canonical(text: str) -> str | None:
    """The 18-character form, None when the text is no id."""
    if _SHAPE.fullmatch(text) is None:
        return None
    return with_check(text[:15]) if len(text) == 15 or with_check(text[:15]) == text else None
