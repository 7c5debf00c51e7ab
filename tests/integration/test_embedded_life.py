"""A stack's infrastructure under its supervisor: kept data, crashes, leftovers, and one `up` at a time."""

from __future__ import annotations

import io
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # NewTopic is there, and not in its list of exports
    AdminClient,
    NewTopic,
)
from rich.console import Console

from deploy.embedded import home
from deploy.embedded.__main__ import main
from deploy.embedded.leftovers import leftovers
from deploy.embedded.plan import Plan
from deploy.embedded.processes import Stage
from deploy.embedded.progress import Progress
from deploy.embedded.up import Stack, running
from tests.support.stack import free_port_base, remove_home, wait_until


@pytest.fixture
def plan() -> Iterator[Plan]:
    folder = Path(tempfile.mkdtemp(prefix="throughline-life-"))
    yield Plan(folder, free_port_base())
    assert leftovers(folder) == []
    remove_home(folder)


@contextmanager
def infrastructure(plan: Plan) -> Iterator[Stack]:
    home.make(plan.home)
    with home.only_one(plan.home), running(plan, Progress(Console(file=io.StringIO())), Stage.INFRASTRUCTURE) as stack:
        yield stack


def test_what_was_written_outlives_crashes_and_restarts(plan: Plan) -> None:
    with infrastructure(plan) as stack:
        _make(plan)
        _write(plan, "first")
        _kill(stack, "postgres")
        _kill(stack, "kafka-0")
        _write(plan, "second")
    with infrastructure(plan):
        assert _rows(plan) == ["first", "second"]
        assert _records(plan) == ["first", "second"]


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_does_not_clear(plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    with infrastructure(plan) as stack:
        assert main(["up", "--home", str(plan.home)]) == 1
        assert f"is in use by process {os.getpid()}" in capsys.readouterr().err
        assert stack.supervisor.daemon is not None
        stack.supervisor.daemon.kill()
        stack.supervisor.daemon.wait()
        assert len(leftovers(plan.home)) >= 3
    with infrastructure(plan):
        assert _rows_exist(plan)


def _make(plan: Plan) -> None:
    with psycopg.connect(plan.admin_dsn) as connection:
        connection.execute("create table note (id serial, text text)")
    admin = AdminClient({"bootstrap.servers": plan.bootstrap})
    admin.create_topics([NewTopic("notes", 1, 1)])["notes"].result(20)


def _write(plan: Plan, text: str) -> None:
    with psycopg.connect(plan.admin_dsn) as connection:
        connection.execute("insert into note (text) values (%s)", (text,))
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": plan.bootstrap, "acks": "all", "enable.idempotence": True, "log_level": 0})
    producer.produce("notes", text, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(60) == 0
    assert failures == [None]


def _rows(plan: Plan) -> list[str]:
    with psycopg.connect(plan.admin_dsn) as connection:
        return [text for (text,) in connection.execute("select text from note order by id")]


def _rows_exist(plan: Plan) -> bool:
    with psycopg.connect(plan.admin_dsn) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def _records(plan: Plan) -> list[str]:
    consumer = Consumer({"bootstrap.servers": plan.bootstrap, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition("notes", 0, 0)])
    found = [message.value() for message in consumer.consume(2, 20)]
    consumer.close()
    return [value.decode() for value in found if value is not None]


def _kill(stack: Stack, name: str) -> None:
    """`kill -9`, then wait until the supervisor has another one up and it answers."""
    before = stack.supervisor.states()[name].pid
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: stack.supervisor.states()[name].pid not in (0, before))
    if name == "postgres":
        wait_until(lambda: _connects(stack.plan))


def _connects(plan: Plan) -> bool:
    try:
        return _rows_exist(plan)
    except psycopg.OperationalError:
        return False
