"""`throughline rebuild visibility`: the projection is made anew beside the one that serves, then takes its place."""

from typing import Any

from shared.ops import again, show
from shared.ops.endpoints import Endpoints

SHOWN_FIELDS = 3
Report = dict[str, Any]


def gather(endpoints: Endpoints) -> Report:
    """Rows of each table before and after, and the first differences. Raises OpsError."""
    report: Report = again.start(endpoints, "visibility", "rebuild")
    return report


def draw(report: Report) -> None:
    columns = ("table", "before", "after", "added", "gone", "changed")
    rows = ([each[column] for column in columns] for each in report["tables"])
    show.out(show.table(f"Made anew from {report['records']} records", columns, rows, right=columns[1:]))
    if report["differences"]:
        lines = (line for each in report["differences"] for line in _lines(each))
        show.out(show.table("", ("table", "key", "field", "before", "after"), lines))
    if report["kept"]:
        show.say(
            f"{report['kept']} contracts are older than what the topics hold, or had a letter discarded or edited: they keep what they had."
        )


def _lines(each: dict[str, Any]) -> list[tuple[object, ...]]:
    if each["only"]:
        return [(each["table"], each["key"], "the whole row", *(("", "new") if each["only"] == "after" else ("gone", "")))]
    return [(each["table"], each["key"], field["path"], field["before"], field["after"]) for field in each["fields"][:SHOWN_FIELDS]]
