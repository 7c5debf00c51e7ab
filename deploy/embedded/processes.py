"""The processes of a stack as a table: what is started in which stage, on which port, and how it says that it is ready."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from deploy.embedded import plan as ports
from deploy.embedded.plan import EMBEDDED, Plan

SERVICES = {"contract_events": 30, "master_data": 31, "erp_provisioning": 32, "psa_sync": 33, "visibility": 34}
"""Services and the offset of their ops port."""

OWN_PORTS = {"contract_events": ports.DOOR, "visibility": ports.CONSOLE}
"""Services that people or other systems call, and the offset of that port."""

SANDBOXES = {"netsuite": ports.NETSUITE, "psa": ports.PSA, "crm": ports.CRM}


class Stage(IntEnum):
    """Started in this order, each when the one before is ready; stopped in the opposite one."""

    INFRASTRUCTURE = 1
    SANDBOXES = 2
    SERVICES = 3


@dataclass(frozen=True, slots=True)
class Process:
    """One row: `arguments` follow the interpreter; `ready_url` is None for a process with a readiness of its own kind."""

    name: str
    stage: Stage
    arguments: tuple[str, ...]
    ports: tuple[int, ...]
    ready_url: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20


def table(plan: Plan) -> tuple[Process, ...]:
    """Every process of the plan; parts that run elsewhere have no row."""
    return (*_infrastructure(plan), *_sandboxes(plan), *_services(plan))


def shared_environment(plan: Plan) -> dict[str, str]:
    """What every process may know: addresses, no secrets."""
    return {
        "THROUGHLINE_HOME": str(plan.home),
        "THROUGHLINE_KAFKA": plan.bootstrap,
        "THROUGHLINE_REGISTRY": plan.registry,
        "THROUGHLINE_CONSOLE": plan.url(ports.CONSOLE),
        "THROUGHLINE_DOOR": plan.url(ports.DOOR),
        **{f"THROUGHLINE_{name.upper()}_URL": plan.url(offset) for name, offset in SANDBOXES.items()},
    }


def environments(plan: Plan, rows: Iterable[Process]) -> dict[str, dict[str, str]]:
    """What each process is told beside what this machine says, by its name: for commands that stand in for a service. Holds passwords."""
    return {row.name: shared_environment(plan) | dict(row.environment) for row in rows if row.stage is Stage.SERVICES}


def endpoints(plan: Plan) -> dict[str, str]:
    """Addresses by name: URLs, and HOST:PORT for Kafka and PostgreSQL. No secrets."""
    return {
        "console": plan.url(ports.CONSOLE),
        "door": plan.url(ports.DOOR),
        "kafka": plan.bootstrap,
        "registry": plan.registry,
        "postgres": plan.admin_dsn.rpartition("@")[2].partition("/")[0],
        **{name: plan.url(offset) for name, offset in (SANDBOXES | SERVICES).items()},
        "kpis": plan.url(ports.KPIS),
    }


def _infrastructure(plan: Plan) -> Iterator[Process]:
    home = str(plan.home)
    if plan.database == EMBEDDED:
        command = ("-m", "deploy.embedded.postgres", "--home", home, "--port", str(plan.postgres_port))
        yield Process("postgres", Stage.INFRASTRUCTURE, command, (plan.postgres_port,), stop_signal="INT")
    if plan.broker == EMBEDDED:
        for node in range(plan.nodes):
            taken = (plan.cluster.broker_port(node), plan.cluster.controller_port(node))
            yield Process(f"kafka-{node}", Stage.INFRASTRUCTURE, tuple(plan.cluster.command(node)), taken)
    if plan.schemas == EMBEDDED:
        port = plan.port_base + ports.REGISTRY
        command = ("-m", "deploy.embedded.registry", "--port", str(port), "--home", home)
        yield Process("registry", Stage.INFRASTRUCTURE, command, (port,), f"{plan.registry}/subjects")


def _sandboxes(plan: Plan) -> Iterator[Process]:
    for name, offset in SANDBOXES.items():
        port = plan.port_base + offset
        command = ("-m", f"deploy.sandboxes.{name}", "--port", str(port), "--home", str(plan.home))
        yield Process(name, Stage.SANDBOXES, command, (port,), f"{plan.url(offset)}/_sandbox/faults")


def _services(plan: Plan) -> Iterator[Process]:
    for name, offset in SERVICES.items():
        taken = [plan.port_base + each for each in (offset, OWN_PORTS.get(name)) if each is not None]
        environment = _environment(plan, name, offset)
        yield Process(name, Stage.SERVICES, ("-m", f"services.{name}"), tuple(taken), f"{plan.url(offset)}/readyz", environment)
    environment = _environment(plan, "visibility", ports.KPIS)
    command = ("-m", "services.visibility", "kpis")
    yield Process("kpis", Stage.SERVICES, command, (plan.port_base + ports.KPIS,), plan.url(ports.KPIS), environment)


def _environment(plan: Plan, service: str, ops_offset: int) -> dict[str, str]:
    """What this one process is told: its role's DSN, its ports."""
    told = {"THROUGHLINE_POSTGRES": plan.service_dsn(service), "THROUGHLINE_OPS_PORT": str(plan.port_base + ops_offset)}
    if service in OWN_PORTS:
        told["THROUGHLINE_PORT"] = str(plan.port_base + OWN_PORTS[service])
    if service == "visibility":
        told["THROUGHLINE_VISIBILITY_CONSOLE_PORT"] = str(plan.port_base + ports.CONSOLE)
        told["THROUGHLINE_VISIBILITY_SERVICE_URLS"] = json.dumps([plan.url(offset) for offset in SERVICES.values()])
    return told
