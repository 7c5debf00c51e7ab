"""Asks a service's desk for dead letters, over its ops port, with the token that changes need."""

import getpass
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from shared.ops.console import ask
from shared.ops.dlt import Place
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError, StackDown

TIMEOUT_S = 120.0
ENDED = ("ended", "stopped", "refused")
Answer = Any  # JSON as the desk says it
Progress = Callable[[Answer], None]

_opener = build_opener(ProxyHandler({}))  # a proxy set for the internet is not meant for a stack of ours


class Refused(OpsError):
    """The desk does not do what was asked for; the message is its own."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of one service. `url` is its ops port's."""

    service: str
    url: str
    token: str
    who: str
    room: str = "dead-letters"

    def begin(self, cause: str | None, key: str | None, why: str) -> Answer:
        """A plan that is not judged yet."""
        return self.call("POST", "plans", {"cause": cause, "key": key, "who": self.who, "why": why})

    def plan(self, number: int) -> Answer:
        return self.call("GET", f"plans/{number}")

    def judge(self, plan: Answer, progress: Progress) -> Answer:
        """Judge to the end; goes on where it was interrupted."""
        while plan["status"] == "judging":
            progress(plan)
            plan = self.call("POST", f"plans/{plan['id']}/judge")
        progress(plan)
        return plan

    def advance(self, plan: Answer) -> Answer:
        """One look: what has ended is confirmed, and the next step begun when it is time."""
        return self.call("POST", f"plans/{plan['id']}/advance", {"who": self.who, "hash": plan["hash"]})

    def items(self, plan: int) -> Iterator[Answer]:
        after = 0
        while page := self.call("GET", f"plans/{plan}/items?after={after}"):
            yield from page
            after = page[-1]["n"]

    def discard(self, cause: str | None, key: str | None, why: str, progress: Callable[[int, int], None]) -> int:
        """How many were discarded of those that stood at the start."""
        found = self.call("GET", f"count?{_query(cause, key)}")
        told: Answer = {"after": 0, "more": found["letters"] > 0}
        done = 0
        while told["more"]:
            asked = {"cause": cause, "key": key, "after": told["after"], "last": found["last"]}
            told = self.call("POST", "discard", {**asked, "who": self.who, "why": why})
            done += told["discarded"]
            progress(done, found["letters"])
        return done

    def export(self, cause: str | None, key: str | None) -> Iterator[bytes]:
        """Lines of JSON, one a letter."""
        with self._open("GET", f"export?{_query(cause, key)}", None) as response:
            yield from response

    def read(self, place: Place) -> Answer:
        return self.call("GET", _at(place))

    def edit(self, place: Place, value: Any, why: str) -> Answer:
        return self.call("POST", _at(place), {"value": value, "who": self.who, "why": why})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Raises Refused, StackDown, OpsError."""
        with self._open(method, path, body) as response:
            return json.load(response)

    def _open(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        request = Request(f"{self.url.rstrip('/')}/{self.room}/{path}", data, headers, method=method)  # noqa: S310  a setting names it
        try:
            return _opener.open(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            raise Refused(f"{self.service}: {_said(error)}") from error
        except (URLError, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            raise StackDown(f"{self.service} does not answer at {self.url} ({reason}): nothing is lost, do it again when it is back.") from error


def desk_of(endpoints: Endpoints, service: str) -> Desk:
    """Raises OpsError when the service's address or the token is not known."""
    return Desk(service, endpoints[service], token(endpoints.home), who())


def service_of(endpoints: Endpoints, cause: str | None, named: str | None) -> str:
    """Whose letters are meant: the service named, or the only one with letters (of that cause). Raises OpsError."""
    if named:
        return named
    lines = [each for each in ask(endpoints, "dead-letters") if cause in (None, each["fingerprint"], each["code"])]
    services = sorted({str(each["service"]) for each in lines})
    if len(services) == 1:
        return services[0]
    if not services:
        raise OpsError("No dead letter is like that: `throughline dlt ls` lists what there is.")
    raise OpsError(f"{', '.join(services)} have such letters: say which with --service.")


def record_of(endpoints: Endpoints, place: Place, named: str | None) -> tuple[str, Place]:
    """Service and original record of a letter, named by its place in a dead-letter topic or by its record's own. Raises OpsError."""
    if place.topic.endswith(".dlt.v1"):
        known = ask(endpoints, "dead-letters", place.topic, str(place.partition), str(place.offset))
        return known["service"], Place(known["failed_topic"], known["failed_partition"], known["failed_offset"])
    return service_of(endpoints, None, named), place


def token(home: Path | None, environment: Mapping[str, str] = os.environ) -> str:
    """From the environment, else the home's. Raises OpsError."""
    if text := environment.get("THROUGHLINE_OPS_TOKEN"):
        return text
    named = environment.get("THROUGHLINE_OPS_TOKEN_FILE")
    path = Path(named) if named else (home / "run" / "secrets" / "ops_token" if home else None)
    if path is None:
        raise OpsError("Dead letters are changed with a token: set THROUGHLINE_OPS_TOKEN or THROUGHLINE_OPS_TOKEN_FILE.")
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise OpsError(f"The ops token cannot be read from {path} ({error.strerror}): a service draws it when it starts.") from error


def who() -> str:
    """Who is at this terminal, for the audit."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _query(cause: str | None, key: str | None) -> str:
    return urlencode({name: value for name, value in (("cause", cause), ("key", key)) if value is not None})


def _at(place: Place) -> str:
    return f"at/{quote(place.topic, safe='')}/{place.partition}/{place.offset}"


def _said(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"])
    except (ValueError, KeyError, TypeError):
        return f"answers {error.code} ({error.reason}); its log says why"
