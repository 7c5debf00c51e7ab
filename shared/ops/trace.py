"""`throughline trace CONTRACT`: every transition with its cause, from the source event to the ERP's id."""

from typing import TYPE_CHECKING, Any

from shared.ops import show
from shared.ops.console import ask
from shared.ops.endpoints import Endpoints

if TYPE_CHECKING:
    from rich.console import RenderableType

Detail = dict[str, Any]


def gather(endpoints: Endpoints, contract_id: str) -> Detail:
    """The contract's whole story as the console tells it. Raises Missing for an unknown contract."""
    found: Detail = ask(endpoints, "contracts", contract_id)
    return found


def draw(found: Detail) -> None:
    line = found["line"]
    value = f"{line['currency']} {line['amount']}" if line["amount"] is not None else ""
    show.say(f"{line['contract_id']}  {line['title'] or ''}  revision {line['revision']}  {value}")
    show.say(f"{line['stage']}, {line['condition']} since {show.clock(line['stage_since'])} UTC")
    columns = ("at (UTC)", "service", "rev.", "status", "what happened", "because of")
    show.out(show.table("", columns, [_row(each) for each in found["transitions"]], right=("rev.",)))
    if found["records"]:
        show.out(_records(found["records"]))


def _row(step: Detail) -> tuple[object, ...]:
    happened = " ".join(part for part in (step["summary"], _call(step["call"])) if part)
    return show.clock(step["at"]), step["service"], step["revision"], step["status"], happened, _because(step)


def _because(step: Detail) -> str:
    """What the step waits for, what went wrong, else the record that led to it."""
    if step["waits"]:
        return "waits for " + ", ".join(str(wait["key"]) for wait in step["waits"])
    if step["cause"]:
        return f"{step['cause']['code']}: {step['cause']['message']}"
    source = step["goes_back_to"]
    return f"{source['topic']}/{source['partition']}:{source['offset']}" if source else ""


def _call(call: Detail | None) -> str:
    if not call:
        return ""
    return f"[{call['request']} → {call['outcome']}]"


def _records(records: list[Detail]) -> "RenderableType":
    rows = [(each["target"], each["record_type"], each["external_id"], each["internal_id"]) for each in records]
    return show.table("Made of it", ("system", "record", "external id", "internal id"), rows)
