"""Access tokens that survive a restart: signed with a key kept beside the journals, so that they need no table."""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path


class Tokens:
    """Issues and checks bearer tokens of one life span (seconds). `now` is wall time in seconds."""

    def __init__(self, key_file: Path, life: int, now: Callable[[], float]) -> None:
        self._key_file, self._life, self._now = key_file, life, now
        self._key = key_file.read_bytes() if key_file.exists() else self._renew()

    def issue(self, account: str) -> str:
        claim = f"{account}|{int(self._now()) + self._life}|{secrets.token_hex(4)}".encode()
        return _b64(claim) + "." + _b64(self._sign(claim))

    def accepts(self, token: str, account: str) -> bool:
        """Whether this token was issued for this account, by this sandbox, and has not run out."""
        try:
            claim, signature = (base64.urlsafe_b64decode(part + "==") for part in token.split("."))
            holder, expires, _ = claim.decode().split("|")
        except ValueError:
            return False
        return hmac.compare_digest(signature, self._sign(claim)) and holder == account and int(expires) > self._now()

    def forget_all(self) -> None:
        """Every token issued so far stops working, as when a vendor revokes them."""
        self._key = self._renew()

    def _sign(self, claim: bytes) -> bytes:
        return hmac.new(self._key, claim, hashlib.sha256).digest()

    def _renew(self) -> bytes:
        key = secrets.token_bytes(32)
        with os.fdopen(os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
        return key


def bearer(authorization: str) -> str:
    """The token of an Authorization header, empty when it is not of the Bearer scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
