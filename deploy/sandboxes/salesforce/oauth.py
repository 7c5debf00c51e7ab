"""OAuth 2.0 client credentials of a connected app: the secret in the form or in a Basic header, a session for two hours."""

import base64
import binascii
import hmac
import time
from pathlib import Path

from aiohttp import web

from deploy.sandboxes.common.tokens import Tokens, bearer
from deploy.sandboxes.keys import ClientSecret
from deploy.sandboxes.salesforce import errors, render

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - an address

_SESSION_LIFE = 7200


class Door:
    """Gives sessions to whoever knows the secret, and lets in whoever brings one."""

    def __init__(self, org: str, client: ClientSecret, token_key: Path) -> None:
        self._org, self._client = org, client
        self.tokens = Tokens(token_key, _SESSION_LIFE, time.time)

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return render.answer({"error": "unsupported_grant_type", "error_description": "grant type not supported"}, 400)
        given = _basic(request) or (str(form.get("client_id", "")), str(form.get("client_secret", "")))
        if not self._knows(*given):
            return render.answer({"error": "invalid_client", "error_description": "invalid client credentials"}, 400)
        host = f"{request.scheme}://{request.host}"
        token = {"access_token": self.tokens.issue(self._org), "instance_url": host, "token_type": "Bearer", "scope": "api"}
        return render.answer({**token, "issued_at": str(int(time.time() * 1000))})

    def let_in(self, request: web.Request) -> None:
        """Raises SalesforceError (401 INVALID_SESSION_ID) unless the call carries a living session."""
        if not self.tokens.accepts(bearer(request.headers.get("Authorization", "")), self._org):
            raise errors.invalid_session()

    def _knows(self, client_id: str, secret: str) -> bool:
        return client_id == self._client.client_id and hmac.compare_digest(secret.encode(), self._client.secret().encode())


def _basic(request: web.Request) -> tuple[str, str] | None:
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(coded).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return client_id, secret
