"""Throughline: the runtime as every service runs it (lanes, journal, outbox, relay, status), with the job as its one decider."""

import cProfile
import json
import os
import random
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from pydantic import SecretStr

from shared.messages.base import Message
from shared.runtime.decision import Decision, Emit, Known, Outcome, Route, Service, WaitFor, applied, duplicate
from shared.runtime.events import Received
from shared.runtime.main import run
from shared.runtime.settings import RuntimeSettings
from tests.bench.job import PARKED, SCHEMA, SEEN, Job
from tests.support.stack import PORTS_OF_A_STACK, free_port_base

TOKEN = "a token for benchmarks"


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int
    cents: int


class Order(Message, frozen=True, kw_only=True):
    avro_schema: ClassVar[str] = json.dumps(SCHEMA)

    event_id: str
    contract_id: str
    customer: str
    lines: tuple[OrderLine, ...]


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a contract: how often it changed, and the events that changed it last."""

    revision: int = 0
    seen: tuple[str, ...] = ()
    customer: str = ""


def service(job: Job) -> Service:
    def on_order(state: Ordered | None, event: Received[Order], known: Known, now: datetime) -> Decision:
        state, order = state or Ordered(), event.message
        if order.event_id in state.seen:
            return duplicate("seen before")
        if order.customer == PARKED:
            return Decision(Outcome.WAITING, state, waits=(WaitFor("account:unknown", "sales operations", "the customer is not known"),))
        state = Ordered(revision=state.revision + 1, seen=(*state.seen, order.event_id)[-SEEN:], customer=order.customer)
        published = msgspec.structs.replace(order, customer=order.customer.upper())
        return applied(state, emits=(Emit(job.output, event.key, published),))

    return Service(name=job.name, routes=(Route(job.source, Order, on_order, "contract"),), states={"contract": Ordered})


def main() -> None:
    job = Job.given()
    run_profiled(service(job), job)


def run_profiled(served: Service, job: Job) -> None:
    """As its `main` runs a service; where its ops port is stands in the job's folder. BENCH_PROFILE names a file for a profile."""
    port = free_port_base() + random.randrange(PORTS_OF_A_STACK)  # four that start together seldom draw the same
    told: dict[str, Any] = {"kafka": job.bootstrap, "postgres": SecretStr(job.dsn), "registry": job.registry}
    settings = RuntimeSettings(**told, ops_port=port, ops_token=SecretStr(TOKEN))
    (Path(job.folder) / "ops").write_text(f"http://127.0.0.1:{port}")
    if (path := os.environ.get("BENCH_PROFILE")) is None:
        run(served, settings)
        return
    profile = cProfile.Profile()
    try:
        profile.runcall(run, served, settings)
    finally:
        profile.dump_stats(path)


if __name__ == "__main__":
    main()
