"""The table of processes, the addresses that follow from a plan, and what supervisord and Kafka are told."""

from __future__ import annotations

import configparser
import json
import os
import stat
from pathlib import Path

import pytest

from deploy.embedded import jars, kafka, place
from deploy.embedded.errors import StackError
from deploy.embedded.plan import Plan
from deploy.embedded.processes import Process, Stage, endpoints, shared_environment, table
from deploy.embedded.supervise import LONGEST_SOCKET_PATH, configuration, socket_path


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, 9000)


def test_no_two_processes_want_the_same_port(plan: Plan) -> None:
    ports = [port for row in table(Plan(plan.home, 9000, nodes=3)) for port in row.ports]
    assert len(ports) == len(set(ports))
    assert all(9000 <= port < 9040 for port in ports)


def test_what_runs_elsewhere_is_not_started(plan: Plan) -> None:
    elsewhere = Plan(plan.home, 9000, broker="k:9092", database="postgresql://admin:pw@db:5432/contracts?sslmode=require", schemas="http://r:8081/")
    assert [row for row in table(elsewhere) if row.stage is Stage.INFRASTRUCTURE] == []
    assert shared_environment(elsewhere)["THROUGHLINE_KAFKA"] == "k:9092"
    assert endpoints(elsewhere)["registry"] == "http://r:8081"
    assert endpoints(elsewhere)["postgres"] == "db:5432"


def test_each_service_signs_in_as_itself(plan: Plan) -> None:
    elsewhere = Plan(plan.home, database="postgresql://admin:pw@db:5432/contracts?sslmode=require")
    password = plan.home / "run" / "secrets" / "psa_sync"
    assert elsewhere.service_dsn("psa_sync") == f"postgresql://psa_sync:{password.read_text()}@db:5432/contracts?sslmode=require"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert elsewhere.service_dsn("psa_sync") == elsewhere.service_dsn("psa_sync")


def test_no_password_is_in_what_all_processes_share_or_in_the_endpoints(plan: Plan) -> None:
    secret = plan.admin_dsn.split(":")[2].split("@")[0]
    assert secret not in str(shared_environment(plan))
    assert secret not in str(endpoints(plan))


def test_supervisord_reads_back_what_a_process_is_told(plan: Plan) -> None:
    awkward = {"DSN": "postgresql://a:b@c/d?x=%20", "LIST": '["http://a", "http://b"]', "SPACE": "/a b,c"}
    text = configuration(plan.home, [Process("one", Stage.SERVICES, ("-m", "a b"), (), environment=awkward)])
    parsed = configparser.RawConfigParser()
    parsed.read_string(text)
    section = parsed["program:one"]
    from supervisor.datatypes import dict_of_key_value_pairs
    from supervisor.options import expand

    assert dict_of_key_value_pairs(expand(section["environment"], {}, "environment")) == awkward
    assert section["command"].endswith("-P -m 'a b'")
    assert section["autostart"] == "false"


def test_a_value_that_cannot_be_quoted_is_refused_with_the_cure(plan: Plan) -> None:
    with pytest.raises(StackError, match="--home DIR"):
        configuration(plan.home, [Process("one", Stage.SERVICES, (), (), environment={"A": "'\""})])


@pytest.mark.parametrize("name", ["client #7", "old\t;new"])
def test_a_home_that_supervisord_would_cut_off_is_refused_with_the_cure(name: str, plan: Plan) -> None:
    with pytest.raises(StackError, match=r"# or ;.*--home DIR"):
        configuration(plan.home / name, [])
    with pytest.raises(StackError, match=r"# or ;.*--home DIR"):
        configuration(plan.home, [Process("one", Stage.SERVICES, (), (), environment={"A": name})])


def test_a_hash_inside_a_word_of_a_home_is_kept(plan: Plan) -> None:
    assert f"logfile={plan.home}/c#7;8/logs/supervisord.log\n" in configuration(plan.home / "c#7;8", [])


def test_a_home_too_deep_for_a_socket_gets_one_elsewhere() -> None:
    deep = Path("/") / ("d" * LONGEST_SOCKET_PATH)
    assert len(os.fsencode(socket_path(deep))) <= LONGEST_SOCKET_PATH
    assert socket_path(deep) != socket_path(deep / "other")
    assert socket_path(Path("/short")) == Path("/short/run/supervisor.sock")


def test_kafka_never_creates_topics_by_use_and_copies_as_far_as_there_are_nodes(plan: Plan) -> None:
    one = _settings(kafka.properties(kafka.Cluster(plan.home, 9000, 1), 0))
    three = _settings(kafka.properties(kafka.Cluster(plan.home, 9000, 3), 2))
    assert one["auto.create.topics.enable"] == three["auto.create.topics.enable"] == "false"
    assert (one["default.replication.factor"], one["min.insync.replicas"]) == ("1", "1")
    assert (three["default.replication.factor"], three["min.insync.replicas"]) == ("3", "2")
    assert three["listeners"] == "PLAINTEXT://127.0.0.1:9012,CONTROLLER://127.0.0.1:9017"


def test_kafka_is_told_every_path_in_ascii_alone(plan: Plan) -> None:
    home = plan.home / "Übersee \\ 契約 😀"
    written = kafka.properties(kafka.Cluster(home, 9000, 1), 0)
    assert written.isascii()
    escaped = r"\u00dcbersee \\ \u5951\u7d04 \ud83d\ude00"
    assert _settings(written)["log.dirs"] == f"{plan.home}/{escaped}/kafka/node-0"


def test_a_home_that_kafka_takes_for_two_folders_is_refused_with_the_cure(plan: Plan) -> None:
    with pytest.raises(StackError, match=r"a,b holds a comma.*--home DIR"):
        kafka.Cluster(plan.home / "a,b", 9000, 1).prepare()
    assert not (plan.home / "a,b").exists()


def test_a_cluster_keeps_its_identity_and_its_number_of_nodes(plan: Plan) -> None:
    one = kafka.Cluster(plan.home, 9000, 1)
    one.prepare()
    before = one.identity()
    one.prepare()
    assert one.identity() == before
    with pytest.raises(StackError, match="use --nodes 1, or another --home"):
        kafka.Cluster(plan.home, 9000, 3).prepare()


@pytest.mark.parametrize(("said", "by"), [({"kafka": "10.0.0"}, "10.0.0"), ({}, "4.4.0")])
def test_a_home_of_a_newer_kafka_is_refused_with_a_word(said: dict[str, str], by: str, plan: Plan) -> None:
    one = kafka.Cluster(plan.home, 9000, 1)
    one.prepare()
    (one.folder / "cluster.json").write_text(json.dumps({"id": one.identity(), "nodes": 1} | said))
    with pytest.raises(StackError, match=f"made by Kafka {by}, and this is Kafka {jars.VERSION}.*another --home"):
        one.prepare()


def test_the_jar_lock_names_no_host_and_no_folder() -> None:
    locked = jars.locked()
    assert {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in locked} >= set(jars.ROOTS)
    assert all(len(jar.sha256) == 64 for jar in locked)
    assert "/" not in "".join(jar.line() for jar in locked)
    assert jars.parse_lock("# a comment\n" + "\n".join(jar.line() for jar in locked)) == locked


def test_an_account_passes_only_where_every_folder_lets_it() -> None:
    modes = {Path("/"): 0o755, Path("/root"): 0o700, Path("/root/x"): 0o755, Path("/srv"): 0o711}

    def status(path: Path) -> os.stat_result:
        return os.stat_result((modes[path], 0, 0, 1, 0, 0, 0, 0, 0, 0))

    stranger, owner = place.Account(65534, 65534), place.Account(0, 0)
    assert place.may_enter(Path("/srv"), stranger, status)
    assert not place.may_enter(Path("/root/x"), stranger, status)
    assert place.may_enter(Path("/root/x"), owner, status)


def _settings(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())
