"""The secrets that a sandbox and its caller share: made once, kept under HOME/run/secrets, readable by their owner only."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_KEY_BITS = 3072


@dataclass(frozen=True, slots=True)
class NetSuiteKey:
    """What an integration registers with NetSuite: `iss` is the client id, `kid` the certificate id."""

    client_id: str
    certificate_id: str
    private_file: Path
    public_file: Path


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """What a Salesforce connected app is known by."""

    client_id: str
    secret_file: Path

    def secret(self) -> str:
        return self.secret_file.read_text().strip()


def netsuite_key(home: Path) -> NetSuiteKey:
    """The key pair of the NetSuite integration, generated when the public half is missing (a public key alone is left as it is)."""
    folder = _secrets_folder(home)
    key = NetSuiteKey("throughline", "throughline-certificate", folder / "netsuite_private.pem", folder / "netsuite_public.pem")
    if not key.public_file.exists():
        _generate(key)
    return key


def client_secret(home: Path, name: str) -> ClientSecret:
    """The connected app's secret of the sandbox `name` (psa, crm), generated when missing."""
    known = ClientSecret("throughline", _secrets_folder(home) / f"{name}_client_secret")
    if not known.secret_file.exists():
        _keep_first(known.secret_file, secrets.token_urlsafe(32).encode())
    return known


def _generate(key: NetSuiteKey) -> None:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    pem = serialization.Encoding.PEM
    _keep_first(key.private_file, pair.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    # The public half is taken from what is on disk: another process may have come first with a pair of its own.
    kept = serialization.load_pem_private_key(key.private_file.read_bytes(), None)
    _keep_first(key.public_file, kept.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))


def _secrets_folder(home: Path) -> Path:
    folder = home / "run" / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _keep_first(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over what is there: processes starting together all read the first one's secret."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
