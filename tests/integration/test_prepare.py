"""Making a whole stack ready, and doing it again."""

import subprocess
import sys
import time
from pathlib import Path

import psycopg
from confluent_kafka.admin import AdminClient

from shared.ops.prepare import prepare
from shared.wire import catalogue
from shared.wire.registry import Registry
from tests.support.stack import Stack

PASSWORDS = dict.fromkeys(catalogue.load().services, "secret")
ONE_START_S = 6.0  # several times what it takes here; a hang or a needless wait is longer


def test_a_prepared_stack_has_every_room_topic_and_subject(stack: Stack, database: str) -> None:
    prepare(database, stack.bootstrap, stack.registry, PASSWORDS)
    with psycopg.connect(database) as admin:
        schemas = {row[0] for row in admin.execute("select nspname from pg_namespace")}
    assert set(PASSWORDS) <= schemas
    assert {topic.name for topic in catalogue.load() if topic.exists} <= set(AdminClient({"bootstrap.servers": stack.bootstrap}).list_topics().topics)
    assert {topic.subject for topic, _ in catalogue.load().typed()} <= set(Registry(stack.registry).subjects())


def test_the_command_does_it_and_has_nothing_left_to_do_the_second_time(stack: Stack, database: str, tmp_path: Path) -> None:
    secrets = tmp_path / "run" / "secrets"
    secrets.mkdir(parents=True)
    for service, password in PASSWORDS.items():
        (secrets / service).write_text(f"{password}\n")
    environment = {"THROUGHLINE_POSTGRES_ADMIN": database, "THROUGHLINE_KAFKA": stack.bootstrap, "THROUGHLINE_REGISTRY": stack.registry}
    command = [sys.executable, "-m", "shared.ops.prepare", "--home", str(tmp_path)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    began = time.monotonic()
    again = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    assert again.stdout == "nothing to do\n"
    assert time.monotonic() - began < ONE_START_S


def test_a_missing_password_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "shared.ops.prepare", "--home", str(tmp_path)], env={}, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("No password for the role contract_events")
    assert done.stderr.count("\n") == 1
