"""`throughline lanes`: halted lanes go on once a person has decided which of log and database is right."""

from collections.abc import Sequence
from typing import Any

from shared.ops import again, show
from shared.ops.console import fetch
from shared.ops.dlt_desk import who
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError, StackDown

Lines = list[dict[str, Any]]
ASK_S = 3.0


def follow_database(endpoints: Endpoints, service: str, lost: str, why: str) -> Lines:
    """The lanes that go on. Raises OpsError, also while the service runs."""
    return _follow(endpoints, service, "follow-database", ["--lost", lost], why)


def follow_topic(endpoints: Endpoints, service: str, topic: str, start: str, why: str) -> Lines:
    """The lanes that go on. Raises OpsError, also while the service runs."""
    return _follow(endpoints, service, "follow-topic", [topic, "--from", start], why)


def _follow(endpoints: Endpoints, service: str, verb: str, said: Sequence[str], why: str) -> Lines:
    if (address := endpoints.get(service)) and _answers(address):
        raise OpsError(f"{service} is running at {address}: stop all of its instances first, and start them afterwards.")
    lines: Lines = again.start(endpoints, service, "lanes", verb, *said, "--who", who(), "--why", why)["lanes"]
    return lines


def _answers(address: str) -> bool:
    try:
        fetch(f"{address.rstrip('/')}/livez", ASK_S)
    except StackDown:
        return False
    return True


def draw(lines: Lines) -> None:
    if not lines:
        return show.say("No lane of this service contradicts it: nothing was changed.")
    show.out(show.table("", tuple(lines[0]), (each.values() for each in lines), right=tuple(lines[0])[1:]))
    show.say("They go on when the service is started.")
