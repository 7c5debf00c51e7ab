"""`throughline up` and `down`: hands over to the embedded run, which stays the process in front of the terminal."""

import os
import sys
from collections.abc import Iterable
from typing import NoReturn

Option = str | int | bool | os.PathLike[str] | None


def hand_over(command: str, feeds: Iterable[os.PathLike[str]] = (), **options: Option) -> NoReturn:
    """Become `python -m deploy.embedded COMMAND …`: its signals and its exit code are then this command's.

    A folder named `deploy` where the user happens to stand is none of its business.
    """
    argv = [sys.executable, "-P", "-m", "deploy.embedded", command, *arguments(feeds, **options)]
    sys.stdout.flush()
    os.execv(sys.executable, argv)  # noqa: S606  no shell is wanted


def arguments(feeds: Iterable[os.PathLike[str]], **options: Option) -> list[str]:
    """The options that were given, as they are written on a command line."""
    written = [part for feed in feeds for part in ("--feed", os.fspath(feed))]
    for name, value in options.items():
        if value is None or value is False:
            continue
        written += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return written
