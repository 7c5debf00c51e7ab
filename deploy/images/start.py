"""Starts a container: puts secrets into the settings that ask for them, then becomes the program that was named.

A setting asks with `{secret:NAME}`, which stands for the content of /run/secrets/NAME; inside a URL it is quoted as URLs need it. So no secret
is in an image, in a compose file, or in what `docker inspect` shows.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

SECRETS = Path("/run/secrets")
ASKED = re.compile(r"\{secret:([\w.-]+)\}")


def filled(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment with every secret asked for put in. Exits with a sentence when one is missing."""
    return {name: _filled(name, value, folder) for name, value in environment.items()}


def _filled(name: str, value: str, folder: Path) -> str:
    in_url = "://" in value
    return ASKED.sub(lambda asked: quote(held, safe="") if (held := _secret(folder / asked[1], name)) and in_url else held, value)


def _secret(path: Path, asking: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        sys.exit(f"{asking} asks for the secret {path.name}, but {path} cannot be read: {error.strerror}. Give it to this container.")


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("Name what to run, such as `services.psa_sync`.")
    os.execve(sys.executable, [sys.executable, "-m", *sys.argv[1:]], filled(os.environ, SECRETS))  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
