"""Asks the schema registry, over Confluent's REST API. On the standard library, because the usual client costs a second of every process's start."""

import base64
import json
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
UNKNOWN = (40401, 40402, 40403)


class RegistryAway(Exception):
    """The registry gave no usable answer: the day is wrong, not the data. Try again."""


class Unknown(LookupError):
    """The registry answered that it has no such subject, version, id or schema."""


class Refused(ValueError):
    """The registry refused what was sent: incompatible (409) or invalid (422). The message is the registry's."""


class Registry:
    """One registry. `url` is its base; `timeout` in seconds is for each request. Calls block: make them at start, or from a thread."""

    def __init__(self, url: str, *, user: str = "", password: str = "", timeout: float = 5.0) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._headers = {"Content-Type": MEDIA_TYPE, "Accept": MEDIA_TYPE}
        if user:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        # The registry stands beside the broker: a proxy set for the internet is not meant for it.
        self._opener: OpenerDirector = build_opener(ProxyHandler({}))

    def schema(self, schema_id: int) -> str:
        """Text of the Avro schema with that id. Raises Unknown, Refused when it is not Avro, RegistryAway."""
        answer = self._call("GET", f"/schemas/ids/{schema_id}")
        if answer.get("schemaType", "AVRO") != "AVRO":
            raise Refused(f"schema {schema_id} is {answer['schemaType']}, not AVRO")
        return str(answer["schema"])

    def id_of(self, subject: str, schema: str) -> int:
        """Id of a schema already registered under the subject. Raises Unknown, RegistryAway."""
        return int(self._call("POST", f"/subjects/{quote(subject, safe='')}", {"schema": schema})["id"])

    def knows(self, subject: str, schema: str) -> bool:
        """Whether the schema is registered under the subject. Raises RegistryAway."""
        try:
            self.id_of(subject, schema)
        except Unknown:
            return False
        return True

    def register(self, subject: str, schema: str) -> int:
        """Id of the schema, registered now or before. Raises Refused when the subject's level forbids it, RegistryAway."""
        return int(self._call("POST", f"/subjects/{quote(subject, safe='')}/versions", {"schema": schema})["id"])

    def compatibility(self, subject: str) -> str | None:
        """The subject's own level, None where it has none. Raises RegistryAway."""
        try:
            return str(self._call("GET", f"/config/{quote(subject, safe='')}")["compatibilityLevel"])
        except Unknown:
            return None

    def set_compatibility(self, subject: str, level: str) -> None:
        self._call("PUT", f"/config/{quote(subject, safe='')}", {"compatibility": level})

    def subjects(self) -> list[str]:
        return list(self._call("GET", "/subjects"))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers=self._headers, method=method)  # noqa: S310 the URL is a setting
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return json.load(response)
        except HTTPError as problem:
            raise self._refusal(problem, f"{method} {path}") from problem
        except (OSError, ValueError) as problem:
            raise RegistryAway(f"the schema registry at {self.url} does not answer {method} {path}: {problem}; is it up?") from problem

    def _refusal(self, problem: HTTPError, what: str) -> Exception:
        try:
            content = json.loads(problem.read())
            code, message = int(content["error_code"]), str(content["message"])
        except (OSError, ValueError, KeyError, TypeError):
            code, message = problem.code, problem.reason
        if code in UNKNOWN or code == 40408:
            return Unknown(message)
        if problem.code in (409, 422):
            return Refused(message)
        return RegistryAway(f"the schema registry at {self.url} answers {problem.code} to {what}: {message}")
