"""NetSuite's OAuth 2.0 client credentials: a signed assertion buys a token, kept until shortly before it ends."""

import asyncio
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from shared.wire.http import NoAnswer, Unreachable, VendorHttp

TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - an address
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFE_S = 300
_RENEW_AT = 0.9  # of a token's life


class NoToken(Exception):
    """No token could be had; nothing was done in the tenant."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the integration is registered with. `private_key`: a PEM file with an RSA key of 3072 bits or more."""

    client_id: str
    certificate_id: str
    private_key: Path


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    renew_at: float


class Tokens:
    """One token for all calls to a tenant; who needs one while it is fetched waits for that one."""

    def __init__(self, http: VendorHttp, credentials: Credentials) -> None:
        self._http, self._credentials = http, credentials
        self._token: Token | None = None
        self._fetching = asyncio.Lock()

    async def current(self) -> str:
        """Raises NoToken."""
        async with self._fetching:
            if self._token is None or time.monotonic() >= self._token.renew_at:
                self._token = await self._fetched()
            return self._token.text

    def forget(self, text: str) -> None:
        """`text` was not accepted. Whoever found that out second leaves the newer token alone."""
        if self._token is not None and self._token.text == text:
            self._token = None

    async def _fetched(self) -> Token:
        asked_at = time.monotonic()
        form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()}
        try:
            reply = await self._http.call("POST", TOKEN_PATH, form=form)
        except (Unreachable, NoAnswer) as error:
            raise NoToken(f"no token: {error}") from error
        match reply.json:
            case {"access_token": str(text), "expires_in": str() | int() as life} if reply.status == 200:
                return Token(text, asked_at + float(life) * _RENEW_AT)
        told = reply.json.get("error", "no error code") if isinstance(reply.json, dict) else "no error code"
        raise NoToken(
            f"{self._http.base}{TOKEN_PATH} answered {reply.status} ({told}); check client id {self._credentials.client_id!r}, certificate id "
            f"{self._credentials.certificate_id!r} and that the certificate of {self._credentials.private_key} is mapped in this account"
        )

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self._credentials.client_id,
            "scope": ["rest_webservices"],
            "aud": self._http.base + TOKEN_PATH,
            "iat": now,
            "exp": now + _ASSERTION_LIFE_S,
            "jti": str(uuid4()),
        }
        header = {"alg": "PS256", "typ": "JWT", "kid": self._credentials.certificate_id}
        return jwt.encode(header, claims, self._key(), algorithms=["PS256"])

    def _key(self) -> RSAKey:
        path = self._credentials.private_key
        try:
            return _imported(path.read_bytes())
        except OSError as error:
            raise NoToken(f"the private key {path} cannot be read ({error.strerror}); set THROUGHLINE_NETSUITE_PRIVATE_KEY") from error
        except (JoseError, ValueError) as error:
            raise NoToken(f"{path} holds no RSA private key in PEM; export the key whose certificate NetSuite knows") from error


@lru_cache(maxsize=1)
def _imported(pem: bytes) -> RSAKey:
    """Once for each key, not for each token or tenant: checking a key of 3072 bits holds up the whole process for 120 ms, one of 4096 for 270."""
    return RSAKey.import_key(pem)
