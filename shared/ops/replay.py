"""`throughline replay`: a service decides once more on a range of its input, and the difference to what it decided is shown."""

from typing import Any

from shared.ops import again, show
from shared.ops.endpoints import Endpoints

SHOWN_FIELDS = 5
Report = dict[str, Any]


def gather(endpoints: Endpoints, service: str, start: str | None, end: str | None) -> Report:
    """The report of `shared.runtime.replaying`. Raises OpsError."""
    options = [*(["--from", start] if start else []), *(["--to", end] if end else [])]
    report: Report = again.start(endpoints, service, "replay", *options)
    return report


def differs(report: Report) -> bool:
    return any(report["different"].values())


def draw(report: Report) -> None:
    what = ("state", "emit", "effect", "dead letter")
    rows = [(name, report["same"].get(name, 0), report["different"].get(name, 0)) for name in what]
    show.out(show.table(_title(report), ("", "the same", "different"), rows, right=("the same", "different")))
    if report["differences"]:
        show.out(show.table("", ("what", "key", "live", "now", "where"), (row for each in report["differences"] for row in _rows(each))))
    for why, count in report["outside"].items():
        show.say(f"{count} keys were not compared: {why}.")
    if report["would_be_called"]:
        show.say(f"{report['would_be_called']} calls would be made that were never made.")
    show.say(f"Nothing was sent or published; what was decided now is in the schema {report['schema']}.")


def _title(report: Report) -> str:
    return f"{report['service']}: {report['records']} records, {report['decided']} decisions"


def _rows(each: dict[str, Any]) -> list[tuple[object, ...]]:
    if each["only"]:
        yes = {"there": ("yes", "no"), "here": ("no", "yes")}[each["only"]]
        return [(each["what"], each["key"], *yes, each["said"])]
    shown = each["fields"][:SHOWN_FIELDS]
    rows: list[tuple[object, ...]] = [(each["what"], each["key"], field["there"], field["here"], field["path"]) for field in shown]
    more = len(each["fields"]) - len(shown)
    return [*rows, (each["what"], each["key"], "", "", f"and {more} more")] if more else rows
