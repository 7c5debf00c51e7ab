"""OAuth 2.0 client credentials with a signed JWT: the assertion is checked claim by claim before a token is given."""

import time
from pathlib import Path

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from deploy.sandboxes.common.tokens import Tokens, bearer
from deploy.sandboxes.keys import NetSuiteKey
from deploy.sandboxes.netsuite import errors

TOKEN_LIFE = 3600
TOKEN_PATH = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - an address

_ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """The assertion is not good; the vendor tells the caller no more than an OAuth error code."""


class Door:
    """Gives tokens to whoever signs with the registered key, and lets in whoever brings one. A token is good for one account."""

    def __init__(self, key: NetSuiteKey, token_key: Path) -> None:
        self._key = key
        self._public = _public_key(key.public_file.read_bytes())
        self.tokens = Tokens(token_key, TOKEN_LIFE, time.time)

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        account = request.match_info["account"]
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type")
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            return _oauth_error("invalid_request")
        try:
            self._check(str(form.get("client_assertion", "")), request.path)
        except (JoseError, ValueError, Refused):
            return _oauth_error("invalid_grant")
        body = {"access_token": self.tokens.issue(account), "expires_in": str(TOKEN_LIFE), "token_type": "bearer"}
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    def let_in(self, request: web.Request, account: str) -> None:
        """Raises NetSuiteError (401 INVALID_LOGIN) unless the call carries a living token of this account."""
        if not self.tokens.accepts(bearer(request.headers.get("Authorization", "")), account):
            raise errors.invalid_login()

    def _check(self, assertion: str, path: str) -> None:
        token = jwt.decode(assertion, self._public, algorithms=_ALGORITHMS)
        claims, now = token.claims, time.time()
        if token.header.get("typ") != "JWT" or token.header.get("kid") != self._key.certificate_id:
            raise Refused("header")
        if claims.get("iss") != self._key.client_id or "rest_webservices" not in _scopes(claims.get("scope")):
            raise Refused("issuer or scope")
        # One account a host in the vendor's world, one account a path here: the audience must name this very account.
        if not str(claims.get("aud", "")).endswith(path):
            raise Refused("audience")
        issued, expires = float(claims.get("iat", 0)), float(claims.get("exp", 0))
        if not (now < expires <= issued + 3600 and issued <= now + 60):
            raise Refused("life span")


def _scopes(claim: object) -> list[str]:
    if isinstance(claim, list):
        return [str(scope) for scope in claim]
    return [scope.strip() for scope in str(claim or "").replace(",", " ").split()]


def _public_key(pem: bytes) -> RSAKey | ECKey:
    try:
        return RSAKey.import_key(pem)
    except (JoseError, ValueError):
        return ECKey.import_key(pem)


def _oauth_error(code: str) -> web.Response:
    return web.Response(body=msgspec.json.encode({"error": code}), status=400, content_type="application/json")
