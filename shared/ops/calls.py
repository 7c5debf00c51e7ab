"""`throughline calls`: calls that are parked because their adapter keeps failing, and how they are tried again."""

from dataclasses import replace
from typing import Any

from shared.ops import show
from shared.ops.console import fetch
from shared.ops.dlt_desk import desk_of
from shared.ops.endpoints import Endpoints
from shared.wire import catalogue

Lines = list[dict[str, Any]]
ASK_S = 5.0


def gather(endpoints: Endpoints) -> Lines:
    """Of every service; raises StackDown when one does not answer, and OpsError when the address of one is not known."""
    return [line for name in catalogue.load().services for line in gather_of(endpoints, name)]


def gather_of(endpoints: Endpoints, service: str) -> Lines:
    """Of one service."""
    return [{"service": service, **call} for call in parked(fetch(f"{endpoints[service].rstrip('/')}/status", ASK_S))]


def parked(status: dict[str, Any]) -> Lines:
    found: Lines = status["parked"]
    return found


def said(call: dict[str, Any]) -> str:
    since = show.ago(call["since"])
    return f"{call['key']} {call['step']} at {call['target']}: failed {call['faults']} times in a row, for {since}: {call['fault']}"


def draw(lines: Lines) -> None:
    if not lines:
        return show.say("No call is parked.")
    rows = [(each["service"], each["key"], each["step"], each["target"], each["faults"], show.ago(each["since"]), each["fault"]) for each in lines]
    show.out(show.table("", ("service", "key", "step", "target", "in a row", "for", "fault"), rows, right=("in a row",)))
    show.say("Their adapter fails: mend it, then `throughline calls retry SERVICE`.")


def retry(endpoints: Endpoints, service: str) -> int:
    """How many calls are tried again."""
    desk = replace(desk_of(endpoints, service), room="calls")
    return int(desk.call("POST", "retry", {"who": desk.who})["calls"])
