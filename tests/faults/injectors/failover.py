"""A standby that lacks the last commits takes over: a last act, as what was lost stays lost and its lanes halt."""

import random
import signal
import subprocess
from collections import Counter

import psycopg

from deploy.embedded import home, postgres
from deploy.embedded.credentials import credential
from deploy.embedded.place import settle
from tests.faults.arena import Arena
from tests.faults.checker.evidence import OUTPUTS, Lane
from tests.faults.checker.gather import dump
from tests.faults.feed import Feeder
from tests.faults.injectors.kinds import Fault, wait_for
from tests.faults.parts import Part
from tests.support.stack import wait_until

WRITER = "contract_events"
LOST, AFTER = 12, 12  # contracts fed behind the standby's back, and once it has taken over
CAUGHT_UP = "select replay_lsn = pg_current_wal_lsn() from pg_stat_replication"
HEADS = f"select topic, part, head from {WRITER}.lane"
UNPUBLISHED = f"select count(*) from {WRITER}.outbox"
HALTED_S = 60.0


def fails_over(arena: Arena, rng: random.Random) -> int:
    """Raises AssertionError when a lane that lost commits goes on as if nothing had happened: it would give their numbers out once more."""
    feeder = Feeder(arena.doors(), credential(arena.plan.home, "door_token"), arena.plan.bootstrap, rng, numbers=1_000_000)
    standby = _standby(arena)
    standby.end(signal.SIGINT)
    _feed(feeder, LOST)
    with psycopg.connect(arena.plan.admin_dsn, autocommit=True) as db:
        assert wait_for(lambda: db.execute(UNPUBLISHED).fetchone() == (0,), 30), "the writer did not publish what it committed"
        before = _heads(db)
    _promote(arena, standby)
    with psycopg.connect(_dsn(arena)) as db:
        lost = {lane for lane, head in _heads(db).items() if head < before[lane]}
    _feed(feeder, AFTER)
    all_halted = wait_for(lambda: lost <= _halted(arena), HALTED_S)  # once: they move when the other instance is back, and halt there anew
    assert all_halted, f"{WRITER} lost commits of {sorted(lost)}, and only {sorted(_halted(arena))} halted"
    assert not (twice := _numbers_twice(arena)), f"{WRITER} gave numbers out twice: {twice[:3]}"
    return int(bool(lost))


def _standby(arena: Arena) -> Part:
    """A copy of the database that follows it, caught up."""
    folder = arena.plan.home / "standby"
    home.make(folder)
    place = settle(folder)
    command = [place.program("pg_basebackup"), "-h", "127.0.0.1", "-p", str(arena.plan.postgres_port), "-U", postgres.SUPERUSER]
    told = {"PGPASSWORD": credential(arena.plan.home, "postgres")}
    user, group = (place.account.uid, place.account.gid) if place.account else (None, None)
    copy = [*command, "-D", str(place.data), "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(copy, env=told, cwd="/", check=True, capture_output=True, user=user, group=group)
    arguments = ["-m", "deploy.embedded.postgres", "--home", str(folder), "--port", str(_port(arena))]
    part = arena.keeper.add(Part("standby", arguments, {}, arena.plan.home / "logs" / "standby.log"))
    with psycopg.connect(arena.plan.admin_dsn, autocommit=True) as db:
        wait_until(lambda: db.execute(CAUGHT_UP).fetchone() == (True,), timeout=60)
    return part


def _promote(arena: Arena, standby: Part) -> None:
    arena.parts["postgres"].end(signal.SIGKILL)
    standby.wanted = True
    wait_until(lambda: _answers(arena), timeout=60)
    with psycopg.connect(_dsn(arena), autocommit=True) as db:
        db.execute("select pg_promote(true, 60)")
    link = arena.links["postgres"]
    link.upstream = _port(arena)
    arena.proxy.reset(link)


def _answers(arena: Arena) -> bool:
    try:
        psycopg.connect(_dsn(arena), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _feed(feeder: Feeder, contracts: int) -> None:
    for _ in range(contracts):
        feeder.one()


def _heads(db: psycopg.Connection) -> dict[Lane, int]:
    return {(topic, part): head for topic, part, head in db.execute(HEADS)}


def _halted(arena: Arena) -> set[Lane]:
    names = [name for status in arena.statuses() if status and status["service"] == WRITER for name in status["halted"]]
    return {(name.rpartition("/")[0], int(name.rpartition("/")[2])) for name in names}


def _numbers_twice(arena: Arena) -> list[tuple[bytes, bytes]]:
    seen = Counter((dict(r.headers)["throughline-lane"], dict(r.headers)["throughline-seq"]) for r in dump(arena.plan.bootstrap, [OUTPUTS[WRITER]]))
    return [place for place, count in seen.items() if count > 1]


def _port(arena: Arena) -> int:
    return arena.extra + 12


def _dsn(arena: Arena) -> str:
    return arena.plan.admin_dsn.replace(f":{arena.plan.postgres_port}/", f":{_port(arena)}/")


LAST = Fault("a standby without the last commits takes over", 16, fails_over)
