"""`throughline dlt plan|apply|edit|discard|export`: what is asked of a service's desk, and how its answers are shown."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from shared.ops import show
from shared.ops.dlt import Place, place_of
from shared.ops.dlt_desk import ENDED, Answer, Desk, desk_of, record_of, service_of
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError
from shared.ops.feed_progress import shown

SHOWN_CALLS = 20
LOOK_S = (0.05, 1.0)  # how soon to look again, at first and at the most
WHAT_APPLY_DOES = {
    "apply": "decides it again",
    "already applied": "closes it; nothing else changes",
    "superseded": "closes it; nothing else changes",
    "would regress": "leaves it: discard it, or edit it",
    "still broken": "leaves it: mend the cause, edit it, or discard it",
    "behind another": "leaves it: plan again afterwards",
}
OUTCOMES = {
    "confirmed": "confirmed: decided, published, and every call that followed has been answered",
    "waiting": "decided, and waiting for a key now (`throughline waits ls`)",
    "failed_same": "failed again, for the same cause",
    "failed_new": "failed, for another cause",
    "moved": "not decided: not as planned any more",
    "decided": "decided, not confirmed yet",
    "queued": "on its way",
    "pending": "untouched",
}


def plan(endpoints: Endpoints, service: str | None, cause: str | None, key: str | None, why: str, quiet: bool) -> Answer:
    """A plan judged to its end."""
    desk = desk_of(endpoints, service_of(endpoints, cause, service))
    return _judged(desk, desk.begin(cause, key, why), quiet)


def _judged(desk: Desk, plan: Answer, quiet: bool) -> Answer:
    with shown(not quiet, "judging", "dead letters") as progress:
        return _named(desk.judge(plan, lambda told: progress.advance(_name(told), told["items"], told["letters"])))


def apply(endpoints: Endpoints, name: str, quiet: bool) -> Answer:
    """The plan's end; `ready` instead where its judging had been cut off, since nobody has seen yet what it would do.

    Raises OpsError when it is interrupted: then everything begun is finished by the service, and nothing more is begun.
    """
    service, number = _parts(name)
    desk = desk_of(endpoints, service)
    known = desk.plan(number)
    if known["status"] == "judging":
        return _judged(desk, known, quiet)
    try:
        with shown(not quiet, "applying", "dead letters") as progress:
            for told in steps(desk, known):
                progress.advance(name, _done(told), sum(told["progress"].values()))
    except KeyboardInterrupt as interrupted:
        raise OpsError(f"Interrupted. Nothing is lost: what was begun is finished, and `throughline dlt apply {name}` goes on.") from interrupted
    return _named(told)


def steps(desk: Desk, plan: Answer) -> Iterator[Answer]:
    """What the desk says, look after look; the pause between them grows while nothing happens."""
    pause, before = LOOK_S[0], -1
    while True:
        told = desk.advance(plan)
        yield told
        if told["status"] in ENDED:
            return
        pause = LOOK_S[0] if _done(told) != before else min(pause * 1.5, LOOK_S[1])
        before = _done(told)
        time.sleep(pause)


def discard(endpoints: Endpoints, service: str | None, cause: str | None, key: str | None, why: str, quiet: bool) -> int:
    desk = desk_of(endpoints, service_of(endpoints, cause, service))
    with shown(not quiet, "discarding", "dead letters") as progress:
        return desk.discard(cause, key, why, lambda done, total: progress.advance(desk.service, done, total))


def export(endpoints: Endpoints, service: str | None, cause: str | None, key: str | None, file: Path) -> int:
    """How many were written."""
    desk = desk_of(endpoints, service_of(endpoints, cause, service))
    with _opened(file) as out:
        return sum(1 for line in desk.export(cause, key) if out.write(line))


def write_items(endpoints: Endpoints, plan: Answer, file: Path) -> None:
    desk = desk_of(endpoints, plan["service"])
    with _opened(file) as out:
        for item in desk.items(plan["id"]):
            out.write(json.dumps(item, ensure_ascii=False).encode() + b"\n")


def letter(text: str) -> Place:
    """Raises OpsError for a text that names no place."""
    if place := place_of(text):
        return place
    raise OpsError(f"{text!r} names no record: write TOPIC/PARTITION:OFFSET, as `throughline dlt show CAUSE` does.")


def save(endpoints: Endpoints, place: Place, service: str | None, file: Path) -> None:
    """Raises OpsError for a value that does not decode."""
    owner, record = record_of(endpoints, place, service)
    told = desk_of(endpoints, owner).read(record)
    if told["value"] is None:
        raise OpsError(f"The value does not decode ({told['unreadable']}), so it cannot be edited: export it, or discard it.")
    file.write_text(json.dumps(told["value"], indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(endpoints: Endpoints, place: Place, service: str | None, file: Path, why: str) -> None:
    """Raises OpsError, Refused."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OpsError(f"{file} cannot be read as JSON: {error}.") from error
    owner, record = record_of(endpoints, place, service)
    desk_of(endpoints, owner).edit(record, value, why)


def draw_plan(endpoints: Endpoints, plan: Answer) -> None:
    if not plan["items"]:
        return show.say("No dead letter is like that.")
    show.out(show.table("", _COLUMNS, [_line(each) for each in plan["totals"]], right=("letters", "calls", "held behind")))
    items = islice(desk_of(endpoints, plan["service"]).items(plan["id"]), 200)
    calls = [(item["key"], call["target"], call["step"], json.dumps(call["content"], ensure_ascii=False)) for item in items for call in item["calls"]]
    if calls:
        show.out(show.table("First calls that follow", ("key", "target", "step", "content"), calls[:SHOWN_CALLS]))
    show.say(f"Plan {plan['plan']}, hash {plan['hash'][:16]}. Nothing is changed yet: `throughline dlt apply {plan['plan']}` does exactly this.")


def draw_outcome(endpoints: Endpoints, plan: Answer) -> None:
    if plan["status"] == "ready":
        show.say(f"The judging of plan {plan['plan']} had been cut off. This is what it does: look at it, then apply it again.")
        return draw_plan(endpoints, plan)
    rows = [(plan["progress"][status], words) for status, words in OUTCOMES.items() if plan["progress"].get(status)]
    show.out(show.table("", ("letters", f"of plan {plan['plan']}"), rows, right=("letters",)))
    show.say({"ended": "Done.", "stopped": f"Plan {plan['plan']} {plan['said']}."}.get(plan["status"], plan["said"]))


_COLUMNS = ("verdict", "letters", "what apply does", "calls", "held behind", "value", "written under schema", "for example")


def _line(total: Any) -> tuple[Any, ...]:
    money = show.money({total["currency"]: str(Decimal(total["amount"]))}) if total["currency"] else ""
    verdict = total["verdict"]
    return verdict, total["letters"], WHAT_APPLY_DOES[verdict], total["calls"], total["held"], money, total["schema"], total["example"]


def _done(told: Answer) -> int:
    return sum(count for status, count in told["progress"].items() if status not in ("pending", "queued", "decided"))


def _name(told: Answer) -> str:
    return f"{told['service']}:{told['id']}"


def _named(told: Answer) -> Answer:
    return {"plan": _name(told), **told}


def _parts(name: str) -> tuple[str, int]:
    service, _, number = name.rpartition(":")
    if not service or not number.isdecimal():
        raise OpsError(f"{name!r} is no plan: write SERVICE:NUMBER, as `throughline dlt plan` does.")
    return service, int(number)


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with file.open("wb") as out:
        yield out
