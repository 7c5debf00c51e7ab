"""The token that whoever changes something over the ops port has to show."""

import os
import secrets
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from tempfile import NamedTemporaryFile

from shared.runtime.settings import RuntimeSettings


def token_of(settings: RuntimeSettings) -> str | None:
    """As set, else the home's, drawn at the first start. None: nothing can be changed over the ops port. An empty text is no token."""
    if settings.ops_token is not None and (token := settings.ops_token.get_secret_value().strip()):
        return token
    if settings.ops_token_file is not None:
        return settings.ops_token_file.read_text(encoding="utf-8").strip() or None
    return drawn(settings.home / "run" / "secrets" / "ops_token") if settings.home is not None else None


def drawn(path: Path) -> str:
    """The secret at `path`, readable by its owner alone. It appears whole or not at all: several services may start at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:  # made with mode 0600
            file.write(secrets.token_hex(16))
            file.flush()
            with suppress(FileExistsError):  # another service was first
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()


def shows(authorization: str | None, token: str | None) -> bool:
    """Whether an Authorization header shows the token."""
    scheme, _, shown = (authorization or "").partition(" ")
    if not token:
        return False
    return scheme.lower() == "bearer" and compare_digest(shown.strip().encode(), token.encode())
