"""Proof that a delivery comes from whom it says: each vendor's own way."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ValidationError

MOST_SIGNATURES = 100  # DocuSign Connect signs with up to a hundred keys while they are being replaced


def signed_by_docusign(body: bytes, headers: Mapping[str, str], keys: Sequence[str]) -> bool:
    """Whether one of the numbered signature headers is the HMAC-SHA256 of the raw body under one of our keys, in base64.

    Every pair is compared, in constant time, so that the time taken tells nothing.
    """
    given = [headers[name] for n in range(1, MOST_SIGNATURES + 1) if (name := f"x-docusign-signature-{n}") in headers]
    wanted = [base64.b64encode(hmac.new(key.encode(), body, sha256).digest()) for key in keys]
    matches = [hmac.compare_digest(signature.encode(), right) for signature in given for right in wanted]
    return any(matches)


class IroncladSeal(BaseModel):
    """The header X-Ironclad-Webhook-Verification."""

    nonce: str
    signAlgorithm: str
    signature: str
    encoding: str


_HASHES: dict[str, hashes.HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def signed_by_ironclad(body: bytes, headers: Mapping[str, str], public_key: str) -> bool:
    """Whether event id, body and nonce, one after the other, were signed with the key whose public half Ironclad publishes.

    Ironclad signs the body as its own serialiser writes it; a body that a proxy wrote anew is compared in that form too.
    """
    try:
        seal = IroncladSeal.model_validate_json(headers.get("x-ironclad-webhook-verification", ""))
        signature = base64.b64decode(seal.signature, validate=True) if seal.encoding == "base64" else bytes.fromhex(seal.signature)
        key = load_pem_public_key(public_key.encode())
        forms = {body, json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False).encode()}
    except (ValidationError, ValueError, binascii.Error, RecursionError):
        return False
    algorithm = _HASHES.get(seal.signAlgorithm.lower().replace("rsa-", "").replace("-", ""))
    if algorithm is None or not isinstance(key, RSAPublicKey):
        return False
    event_id = headers.get("x-ironclad-webhook-event-id", "").encode()
    return any(_holds(key, signature, event_id + form + seal.nonce.encode(), algorithm) for form in forms)


def _holds(key: RSAPublicKey, signature: bytes, content: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(signature, content, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True
