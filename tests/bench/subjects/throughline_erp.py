"""Throughline on the slow ERP: its runtime, its runner, and the NetSuite adapter of erp_provisioning.

A call is decided on when the one before is answered.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

from deploy.sandboxes.keys import netsuite_key
from services.erp_provisioning.adapters.netsuite import NetSuite
from services.erp_provisioning.adapters.tokens import Credentials
from shared.runtime.answers import Rejected
from shared.runtime.decision import Allowance, Decision, Intent, Known, Route, Service, Target, applied, dead_letter
from shared.runtime.events import Answered, Received
from tests.bench.job import Job
from tests.bench.subjects.erp import BODY, STEPS, external_id
from tests.bench.subjects.throughline import Order, run_profiled

AT_ONCE = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    contract_id: str = ""
    account: str = ""
    step: int = 0


def service(job: Job) -> Service:
    told = json.loads((Path(job.folder) / "erp").read_text())

    def on_order(state: SetUp | None, event: Received[Order], known: Known, now: datetime) -> Decision:
        return called(SetUp(contract_id=event.message.contract_id, account=event.message.customer))

    def on_answered(state: SetUp, event: Answered, known: Known, now: datetime) -> Decision:
        if isinstance(event.answer, Rejected):
            return dead_letter(event.answer.cause, state)
        state = replace(state, step=state.step + 1)
        return called(state) if state.step < STEPS else applied(state)

    @cache
    def target(name: str) -> Target:
        key = netsuite_key(Path(told["home"]))
        credentials = Credentials(key.client_id, key.certificate_id, key.private_file)
        return Target(NetSuite(f"{told['url']}/{name}", credentials), Allowance(AT_ONCE))

    routes = (Route(job.source, Order, on_order, "contract"),)
    return Service(name=job.name, routes=routes, states={"contract": SetUp}, on_answered=on_answered, target=target)


def called(state: SetUp) -> Decision:
    content = {"method": "PUT", "record": "customer", "external_id": external_id(state.contract_id, state.step), "body": BODY, "replace": []}
    return applied(state, intents=(Intent(f"step-{state.step}", state.account, content),))


def main() -> None:
    job = Job.given()
    run_profiled(service(job), job)


if __name__ == "__main__":
    main()
