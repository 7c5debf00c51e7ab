"""A room in PostgreSQL for each service: its own role, its own schema, and its migrations, rolled forward.

A role sees its own schema and nothing else. Everything is safe to run again, and from several places at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from shared.store.shadow import rooms_beside

ROOT = Path(__file__).resolve().parents[2]
ONE_AT_A_TIME = 0x7468726F75676801  # the advisory lock of preparations; freed by the server when its holder dies


class PreparationError(Exception):
    """The database cannot be made ready; the message says which step failed and what to do."""


def ensure(admin_dsn: str, passwords: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """Roles, schemas and migrations of every service in `passwords`; the migrations applied now, each with its service.

    `admin_dsn` names a role that may create roles, as a URL. Raises PreparationError.
    """
    try:
        with psycopg.connect(admin_dsn, autocommit=True) as admin:
            admin.execute("select pg_advisory_lock(%s)", [ONE_AT_A_TIME])
            _ensure_rooms(admin, passwords)
            return [name for service in passwords for name in _migrate(admin, service, root)]
    except psycopg.Error as error:
        raise PreparationError(f"PostgreSQL could not be made ready: {str(error).strip()}. Nothing half-done was kept; run it again.") from error


def _ensure_rooms(admin: psycopg.Connection, passwords: Mapping[str, str]) -> None:
    """All rooms in one transaction."""
    present = {row[0] for row in admin.execute("select rolname from pg_roles")}
    with admin.transaction():
        _run(admin, "revoke all on schema public from public")
        _run(admin, "revoke all on database {} from public", admin.info.dbname)
        for service, password in passwords.items():
            _run(admin, "alter role {} login" if service in present else "create role {} login nosuperuser nocreatedb nocreaterole", service)
            _ensure_room(admin, service, password)


def _ensure_room(admin: psycopg.Connection, service: str, password: str) -> None:
    """The server gets to see the password's SCRAM verifier only, and so do its logs."""
    database = admin.info.dbname
    verifier = admin.pgconn.encrypt_password(password.encode(), service.encode(), b"scram-sha-256").decode()
    admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(service), sql.Literal(verifier)))
    _run(admin, "grant {} to current_user with set true", service)
    _run(admin, "grant connect on database {} to {}", database, service)
    for room in (service, *rooms_beside(service)):
        _run(admin, "create schema if not exists {} authorization {}", room, service)
    _run(admin, "alter role {} in database {} set search_path = {}", service, database, service)


def _run(admin: psycopg.Connection, statement: LiteralString, *names: str) -> None:
    admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def migrations_of(service: str, root: Path = ROOT) -> dict[str, Path]:
    """The service's migrations by name, in the order they run: what every service keeps, then its own tables."""
    rooms = (root / "shared" / "store", root / "services" / service)
    return {f"{room.name}/{path.stem}": path for room in rooms for path in sorted(room.glob("migrations/*.sql"))}


def _migrate(admin: psycopg.Connection, service: str, root: Path) -> list[str]:
    """A migration and the note that it ran are one transaction: a run that is killed leaves nothing half-done, and no lock behind.

    (yoyo was weighed for this: it notes a migration in a second transaction, and its lock is a row that outlives whoever took it.)
    """
    with admin.transaction():
        _run(admin, "set local role {}", service)
        _run(admin, "set local search_path = {}", service)
        admin.execute("create table if not exists migration (name text primary key, applied timestamptz not null default now())")
        applied = {row[0] for row in admin.execute("select name from migration")}
        pending = {name: path for name, path in migrations_of(service, root).items() if name not in applied}
        for name, path in pending.items():
            admin.execute(path.read_bytes())
            admin.execute("insert into migration (name) values (%s)", [name])
    return [f"{service}: {name}" for name in pending]
