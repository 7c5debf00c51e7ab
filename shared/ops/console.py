"""Asks a running stack over HTTP: the console's JSON API and the services' own status."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError, StackDown

TIMEOUT_S = 10.0
Answer = Any  # JSON as the console's OpenAPI document describes it

# A proxy set for the internet is not meant for a stack on this machine or in this cluster.
_opener = build_opener(ProxyHandler({}))


class Missing(OpsError):
    """The console knows nothing under that name."""


def ask(endpoints: Endpoints, *path: str, **query: str | int | None) -> Answer:
    """What the console answers to `/api/<path>`. Raises StackDown, Missing, OpsError."""
    asked = {name: value for name, value in query.items() if value is not None}
    where = "/".join(quote(part, safe="") for part in path)
    return fetch(f"{endpoints['console'].rstrip('/')}/api/{where}{'?' + urlencode(asked) if asked else ''}")


def fetch(url: str, timeout: float = TIMEOUT_S) -> Answer:
    """The JSON under a URL. Raises StackDown when nothing answers, Missing for 404, OpsError for any other trouble."""
    try:
        with _opener.open(Request(url, headers={"Accept": "application/json"}), timeout=timeout) as response:  # noqa: S310  a setting names it
            return json.load(response)
    except HTTPError as error:
        raise _told(error, url) from error
    except (URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise StackDown(f"Nothing answers at {_base(url)} ({reason}): start the stack with `throughline up`.") from error
    except ValueError as error:
        raise OpsError(f"{url} answers something that is not JSON: is another program listening there?") from error


def _told(error: HTTPError, url: str) -> OpsError:
    try:
        content = json.loads(error.read())
        said = str(content.get("detail") or content.get("error") or content)
    except (ValueError, AttributeError):
        said = str(error.reason)
    if error.code == 404:
        return Missing(said)
    return OpsError(f"{_base(url)} answers {error.code}: {said}. Its log says why; run `throughline doctor`.")


def _base(url: str) -> str:
    return "/".join(url.split("/")[:3])
