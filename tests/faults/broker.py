"""A Kafka node that also tells clients of a second address, which leads through the proxy, and says more of its transactions. Everything else is
the node of any stack."""

import argparse
import os
from pathlib import Path

from deploy.embedded import kafka

TOLD = "-Dorg.slf4j.simpleLogger.log.kafka.coordinator.transaction=info"
"""Which markers were sent again, and why: wanted when a run does not hold."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.broker")
    for name in ("--node", "--nodes", "--port-base", "--listen", "--advertise"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--home", type=Path, required=True)
    args = parser.parse_args()
    plain = kafka.properties

    def properties(cluster: kafka.Cluster, node: int) -> str:
        told = dict(line.split("=", 1) for line in plain(cluster, node).splitlines())
        told["listeners"] += f",PROXIED://127.0.0.1:{args.listen}"
        direct = f"PLAINTEXT://127.0.0.1:{cluster.broker_port(node)}"
        told["advertised.listeners"] = f"{direct},PROXIED://127.0.0.1:{args.advertise}"
        told["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT"
        return "".join(f"{key}={value}\n" for key, value in told.items())

    kafka.properties = properties
    os.environ["JAVA_TOOL_OPTIONS"] = TOLD  # no flag: the archive of loaded classes is one for each set of flags
    cluster = kafka.Cluster(args.home.resolve(), args.port_base, args.nodes)
    cluster.prepare()
    kafka.become(cluster, args.node)


if __name__ == "__main__":
    main()
