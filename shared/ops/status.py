"""`throughline status`: how many contracts are where, worth how much, what stops them, and how the services are."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.ops import calls, show
from shared.ops.console import ask
from shared.ops.endpoints import Endpoints
from shared.ops.errors import StackDown
from shared.wire import catalogue

if TYPE_CHECKING:
    from rich.console import RenderableType

WAY = ("received", "approved", "ready", "provisioned", "active", "closed", "waiting", "dead_lettered")


def gather(endpoints: Endpoints) -> dict[str, Any]:
    return {"summary": ask(endpoints, "summary"), "platform": ask(endpoints, "targets"), "parked_calls": _parked(endpoints)}


def _parked(endpoints: Endpoints) -> calls.Lines:
    """Of the services that are known here and answer: which of them do not, the platform's lines say."""
    found: calls.Lines = []
    for service in [name for name in catalogue.load().services if name in endpoints.addresses]:
        with suppress(StackDown):
            found += calls.gather_of(endpoints, service)
    return found


def draw(found: dict[str, Any]) -> None:
    summary, platform = found["summary"], found["platform"]
    counts, values = summary["contracts"], summary["value_by_currency"]
    rows = [(name.replace("_", " "), counts[name], show.money(values[name])) for name in WAY]
    show.out(show.table("Contracts", ("", "contracts", "value"), rows, right=("contracts",)))
    if summary["stopped"]:
        show.out(_stopped(summary["stopped"]))
    show.out(_services(platform))
    if found["parked_calls"]:
        calls.draw(found["parked_calls"])


def _stopped(stopped: list[dict[str, Any]]) -> "RenderableType":
    rows = [
        (
            each["name"],
            each["kind"].replace("_", " "),
            each["contracts"],
            show.money(each["value_by_currency"]),
            show.ago(each["since"]),
            each["reason"],
        )
        for each in stopped
    ]
    return show.table("What stops them, costliest first", ("name", "kind", "contracts", "value", "for", "reason"), rows, right=("contracts",))


def _services(platform: dict[str, Any]) -> "RenderableType":
    rows = [(each["name"], each["state"], each["lag"], each["decisions_per_s"], each["open_calls"]) for each in platform["services"]]
    return show.table("Services", ("service", "state", "lag", "decisions/s", "open calls"), rows, right=("lag", "decisions/s", "open calls"))
