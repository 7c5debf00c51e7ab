"""Salesforce's OAuth 2.0 client credentials: a secret opens a session, kept until it is refused."""

import asyncio
from collections.abc import Callable

from shared.wire.http import NoAnswer, Unreachable, VendorHttp

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 - an address


class NoSession(Exception):
    """No session could be had; nothing was done in the org."""


class Sessions:
    """One session for all calls; who needs one while it is opened waits for that one.

    `secret` reads the client secret when a session is opened, so that one changed on disk is taken without a restart; it may raise OSError.
    """

    def __init__(self, http: VendorHttp, client_id: str, secret: Callable[[], str]) -> None:
        self._http, self._client_id, self._secret = http, client_id, secret
        self._token: str | None = None
        self._opening = asyncio.Lock()

    async def current(self) -> str:
        """Raises NoSession."""
        async with self._opening:
            if self._token is None:
                self._token = await self._opened()
            return self._token

    def forget(self, token: str) -> None:
        """`token` was not accepted. Whoever found that out second leaves the newer one alone."""
        if self._token == token:
            self._token = None

    async def _opened(self) -> str:
        form = {"grant_type": "client_credentials", "client_id": self._client_id, "client_secret": self._read_secret()}
        try:
            reply = await self._http.call("POST", TOKEN_PATH, form=form)
        except (Unreachable, NoAnswer) as error:
            raise NoSession(f"no session: {error}") from error
        match reply.json:
            case {"access_token": str(token)} if reply.status == 200:
                return token
        told = reply.json.get("error", "no error code") if isinstance(reply.json, dict) else "no error code"
        raise NoSession(
            f"{self._http.base}{TOKEN_PATH} answered {reply.status} ({told}); check client id {self._client_id!r} and its secret, "
            "THROUGHLINE_PSA_CLIENT_ID and THROUGHLINE_PSA_CLIENT_SECRET_FILE"
        )

    def _read_secret(self) -> str:
        try:
            return self._secret()
        except OSError as error:
            raise NoSession(f"the PSA's client secret cannot be read ({error}); set THROUGHLINE_PSA_CLIENT_SECRET_FILE") from error
