"""`throughline waits`: what waits, on which key, in whose queue, since when, worth how much, and what to do about it."""

from typing import Any

from shared.ops import show
from shared.ops.console import ask
from shared.ops.endpoints import Endpoints

Lines = list[dict[str, Any]]


def gather(endpoints: Endpoints) -> Lines:
    found: Lines = ask(endpoints, "waits")
    return found


def draw(lines: Lines) -> None:
    if not lines:
        return show.say("Nothing waits.")
    rows = [
        (each["key"], each["queue"], each["contracts"], show.money(each["value_by_currency"]), show.ago(each["since"]), each["reason"])
        for each in lines
    ]
    show.out(show.table("", ("key", "queue", "contracts", "value", "for", "reason"), rows, right=("contracts",)))


def gather_one(endpoints: Endpoints, key: str) -> dict[str, Any]:
    """The wait and everyone who waits. Raises Missing when nothing waits for `key`."""
    found: dict[str, Any] = ask(endpoints, "waits", key, limit=500)
    return found


def draw_one(found: dict[str, Any]) -> None:
    wait, supply = found["wait"], found["supply"]
    show.say(f"{wait['key']}  in the queue of {wait['queue']}: {wait['reason']}")
    show.say(f"{wait['contracts']} contracts, {show.money(wait['value_by_currency'])}, for {show.ago(wait['since'])}")
    show.say(*(text for text in (supply["sentence"], supply["file"], supply["command"]) if text))
    columns = ("contract", "title", "customer", "unit", "stage", "for", "value")
    show.out(show.table("", columns, [_waiter(each) for each in found["waiters"]], right=("value",)))


def _waiter(each: dict[str, Any]) -> tuple[object, ...]:
    value = f"{each['currency']} {each['amount']}" if each["amount"] is not None else ""
    return each["contract_id"], each["title"], each["customer"], each["business_unit"], each["stage"], show.ago(each["since"]), value
