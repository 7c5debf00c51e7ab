"""The documentation says what the code does: tables are the code's own, links lead somewhere, commands and variables exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from shared.ops.cli import app
from tests.support import lookup

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *ROOT.glob("services/*/README.md"),
]
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)[^)]*\)")
COMMAND = re.compile(r"throughline((?: [a-z][a-z-]+)+)")
OUTSIDE = {"THROUGHLINE_POSTGRES_ADMIN", "THROUGHLINE_CONSOLE", "THROUGHLINE_DOOR", "THROUGHLINE_SANDBOX", "THROUGHLINE_SUPERVISED"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", lookup.PAGES)
def test_a_lookup_page_is_what_the_code_says(name: str) -> None:
    assert (lookup.FOLDER / name).read_text() == lookup.PAGES[name](), "run `python -m tests.support.lookup`"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_to_something(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_exists(page: Path) -> None:
    for line in re.findall(r"^ *(?:\$ )?(throughline [a-z].*)$|`(throughline [a-z][^`]*)`", page.read_text(), re.MULTILINE):
        words = (line[0] or line[1]).split()[1:]
        assert _exists(words), " ".join(words)


def _exists(words: list[str]) -> bool:
    command: Any = typer.main.get_command(app)
    for word in words:
        if not isinstance(command, TyperGroup):
            return True
        if word not in command.commands:
            return False
        command = command.commands[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_variable_is_read_somewhere(page: Path) -> None:
    known = set(re.findall(r"THROUGHLINE_[A-Z_]*[A-Z]", lookup.settings_page())) | OUTSIDE
    for variable in re.findall(r"`(THROUGHLINE_[A-Z_]*[A-Z])`", page.read_text()):
        assert variable in known
