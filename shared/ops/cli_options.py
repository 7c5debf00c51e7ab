"""What the commands share: where the stack is, and how an answer is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from shared.ops import show

Home = Annotated[Path | None, typer.Option("--home", help="Home folder of the stack; .throughline in this folder by default.")]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


def answer(found: Any, as_json: bool, draw: Callable[[Any], None]) -> None:
    show.as_json(found) if as_json else draw(found)
