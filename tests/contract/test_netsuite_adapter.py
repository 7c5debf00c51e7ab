"""The NetSuite adapter against the sandbox, on real sockets: what it makes, what it makes of refusals, and what it does when it cannot know."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.sandboxes.keys import netsuite_key
from deploy.sandboxes.process import Sandbox, free_port, running
from services.erp_provisioning.adapters.netsuite import NetSuite
from services.erp_provisioning.adapters.tokens import Credentials
from services.erp_provisioning.domain.plan import plan
from services.erp_provisioning.domain.steps import Step, retirement
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement
from shared.runtime.answers import Absent, Ambiguous, Done, Rejected, Unavailable
from shared.runtime.decision import Intent
from tests.unit.erp_provisioning.samples import EVERY_MODEL, PARENT, contract, engagement, line


class Tenant:
    """One tenant of the sandbox, its adapter, and what the sandbox itself says of it."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, name: str) -> None:
        self.name, self.sandbox, self.session = name, sandbox, session
        self.adapter = NetSuite(f"{sandbox.url}/{name}", credentials(sandbox.home), deadline=2.0)

    async def records(self, record: str) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.sandbox.url}/_sandbox/records", params={"account": self.name, "record": record}) as answer:
            held: list[dict[str, Any]] = (await answer.json()).get(record, [])
            return held

    async def requests(self) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.sandbox.url}/_sandbox/requests") as answer:
            total = (await answer.json())["total"]
        async with self.session.get(f"{self.sandbox.url}/_sandbox/requests", params={"after": max(0, total - 500)}) as answer:
            return [request for request in (await answer.json())["requests"] if request["account"] == self.name]

    async def fault(self, **order: Any) -> None:
        async with self.session.post(f"{self.sandbox.url}/_sandbox/faults", json={"account": self.name, **order}) as answer:
            assert answer.status == 201

    async def set_up(self, of: Contract, at: Engagement | None = None) -> list[Any]:
        return [(await self.adapter.send(intent(step), "e")).answer for step in plan(of, at or self.at())]

    def at(self, **what: Any) -> Engagement:
        return engagement(tenant=self.name, **what)


def credentials(home: Path) -> Credentials:
    key = netsuite_key(home)
    return Credentials(key.client_id, key.certificate_id, key.private_file)


def intent(step: Step) -> Intent:
    return Intent(step.name, step.target, step.content)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with running("netsuite", tmp_path_factory.mktemp("home")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def tenant(sandbox: Sandbox, request: pytest.FixtureRequest) -> AsyncIterator[Tenant]:
    """A tenant of the test's own."""
    name = f"netsuite-{sha256(request.node.name.encode()).hexdigest()[:12]}"
    async with aiohttp.ClientSession() as session:
        tenant = Tenant(sandbox, session, name)
        yield tenant
        await tenant.adapter.close()


@pytest.mark.parametrize("of", EVERY_MODEL.values(), ids=EVERY_MODEL.keys())
async def test_every_step_of_every_billing_model_is_accepted_and_found_again(tenant: Tenant, of: Contract) -> None:
    for step in plan(of, tenant.at(parent=PARENT)):
        assert await tenant.adapter.look_up(intent(step)) == Absent()
        answer = (await tenant.adapter.send(intent(step), "e")).answer
        assert isinstance(answer, Done), answer
        found = await tenant.adapter.look_up(intent(step))
        assert found == answer, step.name


async def test_the_projects_price_arrives_to_the_last_cent(tenant: Tenant) -> None:
    await tenant.set_up(contract(line(amount="12345678901234567.89")))
    [job] = await tenant.records("job")
    assert Decimal(job["fields"]["jobPrice"]) == Decimal("12345678901234567.89")


async def test_applying_twice_opens_one_project_with_one_schedule(tenant: Tenant) -> None:
    of = EVERY_MODEL["mixed"]
    first, second = await tenant.set_up(of), await tenant.set_up(of)
    assert first == second
    [schedule] = await tenant.records("billingSchedule")
    assert len(await tenant.records("job")) == 1
    assert len(schedule["fields"]["recurrence"]) == 7


async def test_an_amended_schedule_takes_the_place_of_the_old_one(tenant: Tenant) -> None:
    await tenant.set_up(EVERY_MODEL["milestones by amount"])
    await tenant.set_up(EVERY_MODEL["retainer"])
    [schedule] = await tenant.records("billingSchedule")
    assert (len(schedule["fields"]["milestone"]), len(schedule["fields"]["recurrence"])) == (0, 12)


async def test_an_object_that_holds_something_else_is_not_taken_for_done(tenant: Tenant) -> None:
    await tenant.set_up(contract(line()))
    amended = plan(contract(line(amount="1000.01")), tenant.at())
    found = {step.name: await tenant.adapter.look_up(intent(step)) for step in amended}
    assert {name for name, finding in found.items() if finding == Absent()} == {"project", "billing-schedule", "revenue-schedule"}


async def test_what_is_retired_is_inactive_and_what_was_never_there_counts_as_retired(tenant: Tenant) -> None:
    await tenant.set_up(contract(line()))
    project = plan(contract(line()), tenant.at())[1]
    gone = intent(retirement("project", tenant.name, "job", project.external_id))
    assert isinstance((await tenant.adapter.send(gone, "e")).answer, Done)
    assert isinstance(await tenant.adapter.look_up(gone), Done)
    [job] = await tenant.records("job")
    assert job["fields"]["isInactive"] is True
    never = intent(retirement("project", tenant.name, "job", "P_never"))
    assert isinstance((await tenant.adapter.send(never, "e")).answer, Done)


@pytest.mark.parametrize("subsidiary", ["99", ""])
async def test_a_subsidiary_that_is_not_there_is_refused_by_name(tenant: Tenant, subsidiary: str) -> None:
    [answer, *_] = await tenant.set_up(contract(line()), tenant.at(subsidiary=subsidiary))
    assert isinstance(answer, Rejected)
    assert "subsidiary" in answer.cause.message
    assert answer.cause.message.startswith("customer C_ACC-1")


async def test_unknown_terms_are_refused_with_the_vendors_code(tenant: Tenant) -> None:
    *_, billing, _ = await tenant.set_up(replace(contract(line()), payment_terms="Net 33"))
    assert isinstance(billing, Rejected)
    assert billing.cause.code == "INVALID_KEY_OR_REF"
    assert "initialTerms" in billing.cause.message


async def test_a_misspelt_field_is_refused_instead_of_dropped(tenant: Tenant) -> None:
    step = plan(contract(line()), tenant.at())[0]
    wrong = replace(step, body={**step.body, "companyNmae": "x"})
    assert isinstance((await tenant.adapter.send(intent(wrong), "e")).answer, Rejected)


async def test_too_many_requests_at_once_are_put_off(tenant: Tenant) -> None:
    await tenant.fault(throttle={"next": 1})
    [answer, *_] = await tenant.set_up(EVERY_MODEL["framework agreement"])
    assert isinstance(answer, Unavailable)
    assert answer.throttled


async def test_a_closed_shop_is_put_off(tenant: Tenant) -> None:
    await tenant.fault(error={"status": 503, "next": 1})
    [answer, *_] = await tenant.set_up(EVERY_MODEL["framework agreement"])
    assert isinstance(answer, Unavailable)


async def test_after_an_unexpected_error_it_may_have_been_done_so_it_is_looked_up(tenant: Tenant) -> None:
    await tenant.fault(error={"status": 500, "next": 1})
    step = intent(plan(contract(line()), tenant.at())[0])
    assert isinstance((await tenant.adapter.send(step, "e")).answer, Ambiguous)
    assert await tenant.adapter.look_up(step) == Absent()


async def test_a_line_that_drops_after_the_commit_is_found_and_nothing_is_sent_twice(tenant: Tenant) -> None:
    [step, *_] = plan(contract(line()), tenant.at())
    await tenant.adapter.look_up(intent(step))  # the connection is kept alive, where a client may be tempted to send again by itself
    await tenant.fault(drop_after_commit={"next": 1})
    assert isinstance((await tenant.adapter.send(intent(step), "e")).answer, Ambiguous)
    assert isinstance(await tenant.adapter.look_up(intent(step)), Done)
    assert len([request for request in await tenant.requests() if request["method"] == "PUT"]) == 1


async def test_an_answer_that_comes_too_slowly_is_no_answer(tenant: Tenant) -> None:
    await tenant.fault(latency_ms=2500)
    step = intent(plan(contract(line()), tenant.at())[0])
    assert isinstance((await tenant.adapter.send(step, "e")).answer, Unavailable)  # not even a token was had
    async with tenant.session.delete(f"{tenant.sandbox.url}/_sandbox/faults"):
        pass
    await tenant.adapter.look_up(step)
    await tenant.fault(latency_ms=2500)
    reply = await tenant.adapter.send(step, "e")
    assert isinstance(reply.answer, Ambiguous)
    assert (reply.exchange.status, reply.exchange.request.split("?")[0][:4]) == (None, "PUT ")
    async with tenant.session.delete(f"{tenant.sandbox.url}/_sandbox/faults"):
        pass


async def test_an_outage_is_put_off_and_ends_by_itself(tenant: Tenant) -> None:
    await tenant.fault(outage={"next": 1})
    step = intent(plan(contract(line()), tenant.at())[0])
    assert isinstance((await tenant.adapter.send(step, "e")).answer, Unavailable)
    assert isinstance((await tenant.adapter.send(step, "e")).answer, Done)


async def test_an_erp_that_is_not_there_is_unavailable(sandbox: Sandbox) -> None:
    adapter = NetSuite(f"http://127.0.0.1:{free_port()}/netsuite-emea", credentials(sandbox.home))
    step = intent(plan(contract(line()), engagement())[0])
    assert isinstance((await adapter.send(step, "e")).answer, Unavailable)
    assert isinstance(await adapter.look_up(step), Unavailable)
    await adapter.close()


async def test_many_calls_share_one_token_and_a_token_taken_back_is_replaced(tenant: Tenant) -> None:
    steps = [intent(plan(replace(contract(line()), contract_id=f"SOW-{n}"), tenant.at())[0]) for n in range(10)]
    await asyncio.gather(*(tenant.adapter.send(step, "e") for step in steps))
    async with tenant.session.post(f"{tenant.sandbox.url}/_sandbox/expire-tokens"):
        pass
    assert isinstance((await tenant.adapter.send(steps[0], "e")).answer, Done)
    assert len([request for request in await tenant.requests() if request["path"].endswith("/token")]) == 2


async def test_no_secret_is_kept_of_a_call(tenant: Tenant) -> None:
    step = intent(plan(contract(line()), tenant.at())[0])
    exchange = (await tenant.adapter.send(step, "e")).exchange
    assert "Nord Énergie SA" in exchange.request_body
    assert not [word for word in ("Bearer", "eyJ", "assertion") if word in repr(exchange)]


async def test_a_missing_private_key_says_which_setting_names_it(sandbox: Sandbox, tmp_path: Path) -> None:
    adapter = NetSuite(f"{sandbox.url}/netsuite-emea", replace(credentials(sandbox.home), private_key=tmp_path / "none.pem"))
    answer = (await adapter.send(intent(plan(contract(line()), engagement())[0]), "e")).answer
    assert isinstance(answer, Unavailable)
    assert "THROUGHLINE_NETSUITE_PRIVATE_KEY" in answer.reason
    await adapter.close()


async def test_a_private_key_that_is_replaced_signs_the_next_token(sandbox: Sandbox, tmp_path: Path) -> None:
    known, file, step = credentials(sandbox.home), tmp_path / "key.pem", intent(plan(contract(line()), engagement())[0])
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    file.write_bytes(stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    adapter = NetSuite(f"{sandbox.url}/netsuite-rotated", replace(known, private_key=file))
    assert isinstance((await adapter.send(step, "e")).answer, Unavailable)
    file.write_bytes(known.private_key.read_bytes())
    assert isinstance((await adapter.send(step, "e")).answer, Done)
    await adapter.close()


async def test_a_certificate_that_is_not_mapped_says_what_to_check(sandbox: Sandbox) -> None:
    adapter = NetSuite(f"{sandbox.url}/netsuite-emea", replace(credentials(sandbox.home), certificate_id="other"))
    answer = (await adapter.send(intent(plan(contract(line()), engagement())[0]), "e")).answer
    assert isinstance(answer, Unavailable)
    assert "certificate" in answer.reason
    await adapter.close()
