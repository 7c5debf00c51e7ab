"""Making rooms in a real PostgreSQL: what each role gets, and what a repeated or a killed run leaves."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from shared.ops.database import PreparationError, ensure

PASSWORDS = {"contract_events": "one", "master_data": "two"}


def _as(service: str, dsn: str) -> str:
    return make_conninfo(dsn, user=service, password=PASSWORDS[service])


def test_a_service_finds_its_tables_in_a_schema_of_its_own(database: str) -> None:
    assert "master_data: store/0001_runtime" in ensure(database, PASSWORDS)
    with psycopg.connect(_as("master_data", database)) as connection:
        assert connection.execute("select count(*) from lane").fetchone() == (0,)
        assert connection.execute("select distinct tableowner from pg_tables where schemaname = 'master_data'").fetchall() == [("master_data",)]


@pytest.mark.parametrize("forbidden", ["select 1 from contract_events.lane", "create table public.mine (i int)", "create schema mine"])
def test_a_service_reaches_nothing_outside_its_schema(database: str, forbidden: str) -> None:
    ensure(database, PASSWORDS)
    with psycopg.connect(_as("master_data", database)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(forbidden)


def test_running_again_does_nothing(database: str) -> None:
    ensure(database, PASSWORDS)
    assert ensure(database, PASSWORDS) == []


def test_runs_at_the_same_time_apply_each_migration_once(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: ensure(database, PASSWORDS), range(4)))
    applied = [name for run in runs for name in run]
    assert len(applied) == len(set(applied)) > 0


def test_a_migration_that_fails_leaves_nothing_of_itself(database: str, tmp_path: Path) -> None:
    folder = tmp_path / "services" / "master_data" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_two.sql").write_text("create table first (i int); create table second (broken);")
    with pytest.raises(PreparationError, match="could not be made ready"):
        ensure(database, {"master_data": "two"}, tmp_path)
    (folder / "0001_two.sql").write_text("create table first (i int);")
    assert ensure(database, {"master_data": "two"}, tmp_path) == ["master_data: master_data/0001_two"]
