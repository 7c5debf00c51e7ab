"""Passwords of a home: drawn once, kept in `run/secrets` readable by the owner alone, handed to processes by their environment."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def folder(home: Path) -> Path:
    return home / "run" / "secrets"


def credential(home: Path, name: str) -> str:
    """The home's secret of that name, drawn at the first call: 32 characters that need no quoting in a URL or a shell."""
    path = folder(home) / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(drawn := secrets.token_hex(16))
    return drawn
