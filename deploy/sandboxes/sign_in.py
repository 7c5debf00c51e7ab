"""Sign in to a sandbox as an integration does; `python -m deploy.sandboxes.sign_in netsuite netsuite-emea --url … --home …` prints a token."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
from joserfc import jwt
from joserfc.jwk import RSAKey

from deploy.sandboxes.keys import NetSuiteKey, client_secret, netsuite_key

_NETSUITE_TOKEN = "/services/rest/auth/oauth2/v1/token"  # noqa: S105 - an address
_SALESFORCE_TOKEN = "/services/oauth2/token"  # noqa: S105 - an address


class NotLetIn(Exception):
    """The sandbox gave no token; the message is its answer."""


def netsuite_assertion(key: NetSuiteKey, audience: str, algorithm: str = "PS256", **changed: Any) -> str:
    """The signed JWT that asks for a token. `changed` replaces claims, `kid` the certificate id."""
    now = int(time.time())
    header = {"typ": "JWT", "alg": algorithm, "kid": changed.pop("kid", key.certificate_id)}
    claims = {"iss": key.client_id, "scope": ["rest_webservices"], "aud": audience, "iat": now, "exp": now + 600, **changed}
    return jwt.encode(header, claims, RSAKey.import_key(key.private_file.read_bytes()), algorithms=[algorithm])


async def netsuite_token(session: aiohttp.ClientSession, url: str, account: str, home: Path) -> str:
    address = f"{url}/{account}{_NETSUITE_TOKEN}"
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": netsuite_assertion(netsuite_key(home), address),
    }
    return await _token(session, address, form)


async def salesforce_token(session: aiohttp.ClientSession, url: str, name: str, home: Path) -> str:
    """`name` is psa or crm."""
    client = client_secret(home, name)
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret()}
    return await _token(session, url + _SALESFORCE_TOKEN, form)


async def _token(session: aiohttp.ClientSession, address: str, form: dict[str, str]) -> str:
    async with session.post(address, data=form) as answer:
        if answer.status != 200:
            raise NotLetIn(f"{address} answered {answer.status}: {await answer.text()}")
        token: str = (await answer.json())["access_token"]
        return token


async def _print_token(sandbox: str, url: str, account: str, home: Path) -> None:
    async with aiohttp.ClientSession() as session:
        ask = netsuite_token(session, url, account, home) if sandbox == "netsuite" else salesforce_token(session, url, sandbox, home)
        print(await ask)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m deploy.sandboxes.sign_in")
    options.add_argument("sandbox", choices=("netsuite", "psa", "crm"))
    options.add_argument("account", nargs="?", default="netsuite-emea", help="NetSuite account (default %(default)s)")
    options.add_argument("--url", required=True)
    options.add_argument("--home", type=Path, default=Path(".throughline"))
    chosen = options.parse_args()
    asyncio.run(_print_token(chosen.sandbox, chosen.url, chosen.account, chosen.home))


if __name__ == "__main__":
    main()
