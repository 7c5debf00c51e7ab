"""The PSA adapter against the sandbox, on real sockets: what it makes, what it makes of refusals, and what it does when it cannot know."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.sandboxes.keys import client_secret
from deploy.sandboxes.process import Sandbox, free_port, running
from services.psa_sync.adapters.psa import Psa
from services.psa_sync.domain.plan import plan, retirement
from services.psa_sync.domain.steps import Step
from services.psa_sync.policy import cure_of
from shared.kernel.contract import Contract
from shared.kernel.engagement import Engagement
from shared.messages.reshape import reshape
from shared.runtime.answers import Absent, Ambiguous, Done, Rejected, Unavailable
from shared.runtime.decision import Intent
from tests.unit.psa_sync.stage import ENGAGEMENT, contract, milestone, money


class Org:
    """The sandbox, its adapter, and what the sandbox itself says."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox, self.session = sandbox, session
        self.adapter = Psa(sandbox.url, "throughline", client_secret(sandbox.home, "psa").secret, deadline=2.0)

    async def records(self, name: str) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.sandbox.url}/_sandbox/records", params={"record": name}) as answer:
            held: list[dict[str, Any]] = (await answer.json()).get(name, [])
            return held

    async def control(self, what: str, **order: Any) -> None:
        async with self.session.post(f"{self.sandbox.url}/_sandbox/{what}", json=order) as answer:
            assert answer.status in (200, 201, 204)

    async def apply(self, *steps: Step, opening: bool = True) -> list[Any]:
        return [(await self.adapter.send(intent(step, opening), "e")).answer for step in steps]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with running("psa", tmp_path_factory.mktemp("psa")) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def org(sandbox: Sandbox) -> AsyncIterator[Org]:
    async with aiohttp.ClientSession() as session:
        org = Org(sandbox, session)
        yield org
        async with session.delete(f"{sandbox.url}/_sandbox/faults"):
            pass
        await org.adapter.close()


def intent(step: Step, opening: bool = True) -> Intent:
    return Intent(step.name, "psa", step.content(opening))


def steps(code: str = "ARCH", **terms: Any) -> dict[str, Step]:
    return {step.name: step for step in plan(reshape(contract(**terms), Contract), {"architect": code})}



async def test_applying_twice_makes_one_object_of_each(org: Org) -> None:
    wanted = steps(contract_id="TWICE")
    first, again = await org.apply(*wanted.values()), await org.apply(*wanted.values(), opening=False)
    assert all(isinstance(answer, Done) and answer.internal_id for answer in first)
    assert first == again
    for step in wanted.values():
        assert len([r for r in await org.records(step.object_name) if step.external_id in r.values() or _key(r) == step.external_id]) == 1


def _key(record: dict[str, Any]) -> Any:
    return record.get("external_id") or record.get("fields", {}).get("Throughline_Key__c")


@pytest.mark.parametrize("name", ["project", "milestone:M1", "assignment:architect"])
async def test_look_up_finds_what_holds_everything_and_nothing_else(org: Org, name: str) -> None:
    wanted = steps(contract_id="LOOK-UP")
    assert await org.adapter.look_up(intent(replace(wanted[name], external_id=f"NOT-{name.partition(':')[0].upper()}"))) == Absent()
    made = dict(zip(wanted, await org.apply(*wanted.values()), strict=True))
    assert await org.adapter.look_up(intent(wanted[name])) == made[name]
    changed = replace(wanted[name], fields={**wanted[name].fields, "Name": "Another"})
    assert await org.adapter.look_up(intent(changed)) == Absent()


async def test_look_up_notices_another_resource_and_another_amount(org: Org) -> None:
    before = steps(contract_id="DIFFERS")
    await org.apply(*before.values())
    after = steps("PM", contract_id="DIFFERS", milestones=(milestone("M1", amount=money("45000.01")),))
    for name in ("assignment:architect", "milestone:M1"):
        assert await org.adapter.look_up(intent(after[name], opening=False)) == Absent()
        await org.apply(after[name], opening=False)
        assert isinstance(await org.adapter.look_up(intent(after[name], opening=False)), Done)


async def test_retired_objects_are_cancelled_and_those_never_made_stay_away(org: Org) -> None:
    wanted = steps(contract_id="GONE")
    await org.apply(*wanted.values())
    retired = [retirement(step.name, step.object_name, step.external_id) for step in wanted.values()]
    assert all(isinstance(answer, Done) for answer in await org.apply(*retired))
    assert all([isinstance(await org.adapter.look_up(intent(step)), Done) for step in retired])
    never = retirement("project", "pse__Proj__c", "NEVER-MADE")
    assert await org.apply(never) == [Done("NEVER-MADE", None, {"object": "pse__Proj__c"})]
    assert "NEVER-MADE" not in str(await org.records("pse__Proj__c"))


async def test_an_unknown_resource_code_is_refused_so_that_its_mapping_would_cure_it(org: Org) -> None:
    wanted = steps("WIZARD", contract_id="CURED")
    *made, refused = await org.apply(*wanted.values())
    assert all(isinstance(answer, Done) for answer in made)
    assert isinstance(refused, Rejected)
    cure = cure_of("assignment:architect", refused.cause, reshape(ENGAGEMENT, Engagement))
    assert cure is not None
    assert cure.key == "resource_code:architect@netsuite-emea"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Name": "n" * 81}, "STRING_TOO_LONG"),
        ({"Nmae": "x"}, "INVALID_FIELD"),
        ({"pse__Billing_Type__c": "Barter"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"pse__Bookings__c": "1"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
async def test_refusals_keep_the_vendors_code_and_no_mapping_cures_them(org: Org, fields: dict[str, Any], code: str) -> None:
    project = steps(contract_id="REFUSED")["project"]
    (answer,) = await org.apply(replace(project, fields={**project.fields, **fields}))
    assert isinstance(answer, Rejected)
    assert answer.cause.code == code
    assert cure_of("project", answer.cause, reshape(ENGAGEMENT, Engagement)) is None
    assert "pse__Proj__c P_REFUSED" in answer.cause.message


async def test_an_unknown_object_is_refused(org: Org) -> None:
    (answer,) = await org.apply(Step("project", "pse__Spaceship__c", "X", {"Name": "x"}))
    assert isinstance(answer, Rejected)
    assert answer.cause.code == "NOT_FOUND"


async def test_a_drop_after_the_commit_is_ambiguous_and_look_up_finds_the_object(org: Org) -> None:
    project = steps(contract_id="DROPPED")["project"]
    await org.apply(steps(contract_id="BEFORE")["project"])
    await org.control("faults", drop_after_commit={"next": 1}, record="pse__Proj__c")
    (answer,) = await org.apply(project)
    assert isinstance(answer, Ambiguous)
    assert isinstance(await org.adapter.look_up(intent(project)), Done)
    assert [_key(r) for r in await org.records("pse__Proj__c")].count(project.external_id) == 1


@pytest.mark.parametrize(
    ("fault", "answer", "throttled"),
    [
        ({"throttle": {"next": 1, "retry_after": 7}}, Unavailable, True),
        ({"error": {"next": 1, "status": 503}}, Unavailable, False),
        ({"error": {"next": 1, "status": 500}}, Ambiguous, False),
        ({"latency_ms": 4000}, Ambiguous, False),
    ],
)
async def test_a_bad_day_is_told_from_a_doubtful_one(org: Org, fault: dict[str, Any], answer: type, throttled: bool) -> None:
    project = steps(contract_id="BAD-DAY")["project"]
    await org.apply(project)  # so that the session is there
    await org.control("faults", record="pse__Proj__c", **fault)
    (found,) = await org.apply(project)
    assert isinstance(found, answer)
    if isinstance(found, Unavailable):
        assert (found.throttled, found.retry_after) == (throttled, 7.0 if throttled else None)


async def test_rows_that_others_hold_are_tried_again(org: Org) -> None:
    project = steps(contract_id="LOCKED")["project"]
    lock = {"record": "pse__Proj__c", "field": "Name", "code": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access"}
    await org.control("faults", reject={"next": 1, **lock})
    assert isinstance((await org.apply(project))[0], Unavailable)
    assert isinstance((await org.apply(project))[0], Done)


async def test_a_session_that_ended_is_renewed_once(org: Org) -> None:
    project = steps(contract_id="RENEWED")["project"]
    await org.apply(project)
    await org.control("expire-tokens")
    answers = await asyncio.gather(*(org.apply(project) for _ in range(5)))
    assert all(isinstance(answer, Done) for (answer,) in answers)


async def test_a_wrong_secret_is_a_bad_day_that_says_what_to_check(org: Org) -> None:
    stranger = Psa(org.sandbox.url, "throughline", lambda: "guess", deadline=2.0)
    reply = await stranger.send(intent(steps()["project"]), "e")
    await stranger.close()
    assert isinstance(reply.answer, Unavailable)
    assert "THROUGHLINE_PSA_CLIENT_SECRET_FILE" in reply.answer.reason
    assert "guess" not in str(reply)


async def test_a_psa_that_is_not_there_is_unavailable() -> None:
    nobody = Psa(f"http://127.0.0.1:{free_port()}", "throughline", lambda: "secret", deadline=2.0)
    reply = await nobody.send(intent(steps()["project"]), "e")
    assert isinstance(reply.answer, Unavailable)
    assert isinstance(await nobody.look_up(intent(steps()["project"])), Unavailable)
    await nobody.close()


async def test_attempts_are_kept_without_secrets(org: Org) -> None:
    reply = await org.adapter.send(intent(steps(contract_id="KEPT")["project"]), "e")
    assert reply.exchange.request.startswith("PATCH ")
    assert (reply.exchange.status, "Data platform" in reply.exchange.request_body) == (201, True)
    assert client_secret(org.sandbox.home, "psa").secret() not in str(reply)
