"""Shows answers: JSON for programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

Amounts = Mapping[str, str]


def as_json(content: Any) -> None:
    json.dump(content, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def out(*parts: "RenderableType") -> None:
    from rich.console import Console

    # Output that goes to a file or a pipe is not folded at an invented width of 80.
    console = Console() if sys.stdout.isatty() else Console(width=200)
    for part in parts:
        console.print(part)


def say(*lines: str) -> None:
    """Lines of plain text: nothing in them is taken for markup."""
    from rich.text import Text

    out(*(Text(printable(line)) for line in lines))


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[str] = ()) -> "RenderableType":
    """A table whose cells are plain text: nothing in them is taken for markup."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, justify="right" if column in set(right) else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(escape("" if cell is None else printable(str(cell))) for cell in row))
    return drawn


def printable(text: str) -> str:
    """Text without control characters: what came from outside must not steer the reader's terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def money(amounts: Amounts) -> str:
    """`EUR 1,200.50 · USD 3.00`; currencies are never added."""
    return " · ".join(f"{currency} {Decimal(amount):,f}" for currency, amount in sorted(amounts.items()))


def ago(moment: str | None, now: datetime | None = None) -> str:
    """How long since an ISO 8601 moment, in its two largest units."""
    if moment is None:
        return ""
    return span((now or datetime.now(UTC)) - datetime.fromisoformat(moment))


def span(length: timedelta) -> str:
    seconds = max(0, int(length.total_seconds()))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count or first == len(parts) - 1)


def clock(moment: str) -> str:
    """An ISO 8601 moment to the second, in UTC."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
