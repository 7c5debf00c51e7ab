"""Why something stopped: a stable code to group by, and a sentence for the person who reads it."""

import re
from dataclasses import dataclass
from hashlib import sha256

_PARTICULARS = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|'[^']*'|\"[^\"]*\"|\d+")


@dataclass(frozen=True, slots=True)
class Cause:
    """`code` such as `end-before-start`; `message` says what is wrong, where, and what to do next."""

    code: str
    message: str

    @property
    def fingerprint(self) -> str:
        """The same for causes that differ in their particulars only (names, numbers, identifiers); twelve hex digits."""
        return sha256(f"{self.code}|{_PARTICULARS.sub('?', self.message)}".encode()).hexdigest()[:12]
