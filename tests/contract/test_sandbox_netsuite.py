"""The NetSuite sandbox accepts what NetSuite accepts and refuses what it refuses, in its words."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.sandboxes.keys import netsuite_key
from deploy.sandboxes.process import Sandbox, running
from deploy.sandboxes.sign_in import netsuite_assertion, netsuite_token

ACCOUNT = "netsuite-emea"
ACME = {"companyName": "Acme", "subsidiary": {"id": "3"}, "currency": {"externalId": "EUR"}, "terms": {"externalId": "Net-30"}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with running("netsuite", tmp_path_factory.mktemp("home"), "--max-body", "20000") as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(sandbox: Sandbox) -> AsyncIterator["Client"]:
    async with aiohttp.ClientSession() as session:
        token = await netsuite_token(session, sandbox.url, ACCOUNT, sandbox.home)
        yield Client(session, sandbox.url, {"Authorization": f"Bearer {token}"})


class Client:
    """Calls the record service of one account and tells (status, body, headers)."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self.session, self.url, self.headers = session, url, headers

    async def call(self, method: str, path: str, body: Any = None, account: str = ACCOUNT, **options: Any) -> tuple[int, Any, Any]:
        address = f"{self.url}/{account}/services/rest/record/v1/{path}"
        async with self.session.request(method, address, json=body, headers=self.headers, **options) as answer:
            text = await answer.text()
            return answer.status, (await answer.json(content_type=None) if text else None), answer.headers

    async def refused(self, method: str, path: str, body: Any) -> tuple[int, str, str]:
        """(status, code, detail) of a refusal."""
        status, told, _ = await self.call(method, path, body)
        detail = told["o:errorDetails"][0]
        assert (told["status"], bool(told["title"]), bool(told["type"])) == (status, True, True)
        return status, detail["o:errorCode"], detail["detail"]

    async def records(self, record: str) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.url}/_sandbox/records", params={"account": ACCOUNT, "record": record}) as answer:
            held: list[dict[str, Any]] = (await answer.json()).get(record, [])
            return held


async def customer(client: Client, eid: str) -> str:
    status, _, headers = await client.call("PUT", f"customer/eid:{eid}", ACME)
    assert status == 204
    return str(headers["Location"]).rsplit("/", 1)[1]


async def job(client: Client, eid: str) -> str:
    parent = await customer(client, f"{eid}-customer")
    body = {"companyName": "Rollout", "parent": {"id": parent}, "subsidiary": {"id": "3"}}
    status, _, headers = await client.call("PUT", f"job/eid:{eid}", body)
    assert status == 204
    return str(headers["Location"]).rsplit("/", 1)[1]


async def test_an_upsert_answers_204_with_the_place_of_the_record(client: Client) -> None:
    status, body, headers = await client.call("PUT", "customer/eid:ACME-1", ACME)
    assert (status, body) == (204, None)
    internal_id = headers["Location"].rsplit("/", 1)[1]
    assert headers["Location"].endswith(f"/{ACCOUNT}/services/rest/record/v1/customer/{internal_id}")
    _, by_id, _ = await client.call("GET", f"customer/{internal_id}")
    _, by_eid, _ = await client.call("GET", "customer/eid:ACME-1")
    assert by_id == by_eid
    assert (by_eid["externalId"], by_eid["companyName"], by_eid["currency"]["refName"]) == ("ACME-1", "Acme", "EUR")


async def test_upserting_twice_makes_one_customer(client: Client) -> None:
    assert await customer(client, "TWICE") == await customer(client, "TWICE")
    assert len([each for each in await client.records("customer") if each["externalId"] == "TWICE"]) == 1


async def test_creating_under_a_taken_external_id_is_refused(client: Client) -> None:
    await customer(client, "TAKEN")
    refusal = await client.refused("POST", "customer", {**ACME, "externalId": "TAKEN"})
    assert refusal == (400, "USER_ERROR", "Error while accessing a resource. This entity already exists.")


async def test_a_job_cannot_have_the_external_id_of_its_customer(client: Client) -> None:
    parent = await customer(client, "SHARED")
    body = {"companyName": "Rollout", "parent": {"id": parent}, "subsidiary": {"id": "3"}}
    assert (await client.refused("PUT", "job/eid:SHARED", body))[:2] == (400, "USER_ERROR")


@pytest.mark.parametrize(
    ("path", "body", "labels"),
    [
        ("customer/eid:M-1", {"companyName": "Acme"}, "Primary Subsidiary"),
        ("customer/eid:M-1", {"subsidiary": {"id": "1"}}, "Company Name"),
        ("customer/eid:M-1", {}, "Company Name, Primary Subsidiary"),
        ("job/eid:M-1", {"companyName": "Rollout"}, "Customer, Subsidiary"),
        ("projectTask/eid:M-1", {"title": "Design"}, "Project"),
        ("billingSchedule/eid:M-1", {"frequency": "MONTHLY"}, "Name"),
        ("revRecSchedule/eid:M-1", {"amortizationType": "STANDARD"}, "Name"),
    ],
)
async def test_missing_required_values_are_named_in_the_vendors_words(client: Client, path: str, body: Any, labels: str) -> None:
    expected = f"Error while accessing a resource. Please enter value(s) for: {labels}"
    assert await client.refused("PUT", path, body) == (400, "USER_ERROR", expected)


@pytest.mark.parametrize(
    ("record", "field"),
    [("customer", "legalName"), ("job", "contractValue"), ("job", "customer"), ("job", "revenueArrangement"), ("projectTask", "isMilestone")],
)
async def test_fields_unknown_or_not_offered_in_rest_are_refused(client: Client, record: str, field: str) -> None:
    status, told, _ = await client.call("PUT", f"{record}/eid:U-1", {field: "x"})
    detail = told["o:errorDetails"][0]
    assert (status, detail["o:errorCode"], detail["o:errorPath"]) == (400, "INVALID_CONTENT", field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subsidiary", {"id": "21"}),
        ("subsidiary", {"externalId": "SUB-99"}),
        ("currency", {"externalId": "XXQ"}),
        ("parent", {"id": "999999"}),
        ("terms", {"id": "77"}),
    ],
)
async def test_references_to_nothing_are_refused_by_name(client: Client, field: str, value: dict[str, str]) -> None:
    refusal = await client.refused("PUT", "customer/eid:R-1", {**ACME, field: value})
    shown = next(iter(value.values()))
    assert refusal == (400, "INVALID_KEY_OR_REF", f"Error while accessing a resource. Invalid {field} reference key {shown}.")


async def test_a_task_needs_a_project_that_exists_and_a_customer_is_none(client: Client) -> None:
    somebody = await customer(client, "NOT-A-JOB")
    refusal = await client.refused("POST", "projectTask", {"project": {"id": somebody}, "title": "Design"})
    assert refusal[:2] == (400, "INVALID_KEY_OR_REF")
    project = await job(client, "TASKED")
    assert (await client.call("POST", "projectTask", {"project": {"id": project}, "title": "Design"}))[0] == 204


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("companyName", 7),
        ("isPerson", "yes"),
        ("creditLimit", "100.00"),
        ("startDate", "31/12/2026"),
        ("startDate", "2026-02-30"),
        ("subsidiary", {"name": "EMEA"}),
        ("addressBook", [{"addr1": "x"}]),
        ("addressBook", {"items": [{"addressBookAddress": {"country": "Germany"}}]}),
    ],
)
async def test_values_of_another_type_are_refused(client: Client, field: str, value: Any) -> None:
    assert (await client.refused("PUT", "customer/eid:T-1", {**ACME, field: value}))[:2] == (400, "INVALID_CONTENT")


@pytest.mark.parametrize(("field", "value"), [("frequency", "FORTNIGHTLY"), ("scheduleType", "9"), ("recurrencePattern", "X")])
async def test_enum_values_outside_the_list_are_refused(client: Client, field: str, value: str) -> None:
    assert (await client.refused("PUT", "billingSchedule/eid:E-1", {"name": "Plan", field: value}))[:2] == (400, "INVALID_CONTENT")


async def test_enums_are_taken_bare_or_as_objects(client: Client) -> None:
    assert (await client.call("PUT", "billingSchedule/eid:E-2", {"name": "P", "frequency": {"id": "MONTHLY", "refName": "Monthly"}}))[0] == 204
    assert (await client.call("PUT", "billingSchedule/eid:E-2", {"frequency": "QUARTERLY"}))[0] == 204
    _, told, _ = await client.call("GET", "billingSchedule/eid:E-2?simpleEnumFormat=true")
    assert told["frequency"] == "QUARTERLY"


@pytest.mark.parametrize("eid", ["A|B", "A.B", "A B", "é"])
async def test_external_ids_have_letters_digits_underscores_and_hyphens(client: Client, eid: str) -> None:
    assert (await client.refused("PUT", f"customer/eid:{eid}", ACME))[:2] == (400, "INVALID_ID")


async def test_amounts_are_kept_to_the_last_digit(client: Client) -> None:
    amount = "12345678901234567.89"
    async with client.session.put(
        f"{client.url}/{ACCOUNT}/services/rest/record/v1/billingSchedule/eid:EXACT",
        data=f'{{"name": "Plan", "initialAmount": {amount}, "milestone": {{"items": [{{"milestoneAmount": 0.10}}]}}}}',
        headers={**client.headers, "Content-Type": "application/json"},
    ) as answer:
        assert answer.status == 204
    (held,) = [each for each in await client.records("billingSchedule") if each["externalId"] == "EXACT"]
    assert (held["fields"]["initialAmount"], held["fields"]["milestone"][0]["milestoneAmount"]) == (amount, "0.10")
    async with client.session.get(f"{client.url}/{ACCOUNT}/services/rest/record/v1/billingSchedule/eid:EXACT", headers=client.headers) as answer:
        assert f'"initialAmount":{amount}' in await answer.text()


async def test_lines_are_matched_by_key_appended_or_replaced_on_request(client: Client) -> None:
    first = {"name": "Plan", "milestone": {"items": [{"comments": "design", "milestoneAmount": 10}, {"comments": "build", "milestoneAmount": 20}]}}
    path = "billingSchedule/eid:LINES"
    await client.call("PUT", path, first)
    await client.call("PUT", path, {"milestone": {"items": [{"milestoneId": 2, "milestoneAmount": 25}, {"comments": "run", "milestoneAmount": 5}]}})
    assert await _lines(client, path) == [("design", 10), ("build", 25), ("run", 5)]
    await client.call("PUT", path + "?replace=milestone", {"milestone": {"items": [{"comments": "all", "milestoneAmount": 40}]}})
    assert await _lines(client, path) == [("all", 40)]


async def _lines(client: Client, path: str) -> list[tuple[str, int]]:
    _, told, _ = await client.call("GET", path)
    return [(line["comments"], line["milestoneAmount"]) for line in told["milestone"]["items"]]


async def test_a_patch_changes_what_it_names_and_null_clears(client: Client) -> None:
    internal_id = await customer(client, "PATCHED")
    assert (await client.call("PATCH", f"customer/{internal_id}", {"comments": "new", "terms": None}))[0] == 204
    _, told, _ = await client.call("GET", f"customer/{internal_id}")
    assert (told["comments"], told["companyName"], "terms" in told) == ("new", "Acme", False)
    assert (await client.refused("PATCH", f"customer/{internal_id}", {"companyName": None}))[1] == "USER_ERROR"


async def test_collections_are_filtered_and_paged(client: Client) -> None:
    for n in range(5):
        await client.call("PUT", f"customer/eid:PAGE-{n}", {**ACME, "companyName": f"Paged {n}"})
    _, one, _ = await client.call("GET", "customer", params={"q": 'externalId IS "PAGE-3"'})
    assert (one["totalResults"], one["hasMore"], set(one["items"][0])) == (1, False, {"id", "links"})
    _, page, _ = await client.call("GET", "customer", params={"q": 'companyName START_WITH "Paged"', "limit": "2", "offset": "2"})
    assert (page["count"], page["totalResults"], page["hasMore"], page["offset"]) == (2, 5, True, 2)
    assert (await client.refused("GET", "customer?limit=2&offset=1", None))[:2] == (400, "INVALID_PARAMETER")
    assert (await client.refused("GET", "customer?q=shoeSize%20IS%20%2244%22", None))[:2] == (400, "INVALID_PARAMETER")


async def test_deleting_respects_dependents_and_what_is_offered(client: Client) -> None:
    await job(client, "DEL")
    assert (await client.refused("DELETE", "customer/eid:DEL-customer", None))[1] == "USER_ERROR"
    assert (await client.call("DELETE", "job/eid:DEL"))[0] == 204
    assert (await client.refused("GET", "job/eid:DEL", None))[:2] == (404, "NONEXISTENT_ID")
    assert (await client.call("DELETE", "customer/eid:DEL-customer"))[0] == 204
    await client.call("PUT", "revRecSchedule/eid:KEEP", {"name": "Schedule"})
    assert (await client.refused("DELETE", "revRecSchedule/eid:KEEP", None))[0] == 405


async def test_unknown_records_bodies_that_are_no_json_and_bodies_too_large_are_refused(client: Client) -> None:
    assert (await client.refused("GET", "spaceship/1", None))[:2] == (404, "NOT_FOUND")
    assert (await client.refused("PUT", "customer/eid:B-1", ["not", "an", "object"]))[2] == "Invalid content in the request body."
    assert (await client.refused("PUT", "customer/eid:B-1", {**ACME, "comments": "x" * 30000}))[0] == 413


async def test_accounts_share_nothing(client: Client, sandbox: Sandbox) -> None:
    await customer(client, "ONLY-HERE")
    other = await netsuite_token(client.session, sandbox.url, "netsuite-us", sandbox.home)
    abroad = Client(client.session, client.url, {"Authorization": f"Bearer {other}"})
    assert (await abroad.call("GET", "customer/eid:ONLY-HERE", account="netsuite-us"))[0] == 404
    assert (await abroad.call("GET", "customer/eid:ONLY-HERE"))[0] == 401


async def test_nobody_gets_in_without_a_token(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer made.up"}, {"Authorization": "Basic abc"}):
        assert (await Client(client.session, client.url, headers).refused("GET", "customer/1", None))[:2] == (401, "INVALID_LOGIN")


@pytest.mark.parametrize(
    "changed",
    [{"algorithm": "RS256"}, {"kid": "other"}, {"iss": "other"}, {"scope": ["restlets"]}, {"aud": "http://elsewhere/token"}, {"exp": 1}],
)
async def test_an_assertion_that_is_wrong_in_any_part_gets_no_token(client: Client, sandbox: Sandbox, changed: dict[str, Any]) -> None:
    address = f"{sandbox.url}/{ACCOUNT}/services/rest/auth/oauth2/v1/token"
    claims = {"audience": changed.pop("aud", address), **changed}
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": netsuite_assertion(netsuite_key(sandbox.home), **claims),
    }
    async with client.session.post(address, data=form) as answer:
        assert (answer.status, await answer.json()) == (400, {"error": "invalid_grant"})


async def test_the_sixteenth_request_at_once_is_refused_without_a_retry_after(tmp_path: Path) -> None:
    async with running("netsuite", tmp_path, "--latency-ms", "400") as slow, aiohttp.ClientSession() as session:
        token = await netsuite_token(session, slow.url, ACCOUNT, slow.home)
        client = Client(session, slow.url, {"Authorization": f"Bearer {token}"})
        answers = await asyncio.gather(*(client.call("PUT", f"customer/eid:C-{n}", ACME) for n in range(20)))
        refused = [answer for answer in answers if answer[0] == 429]
        assert (len(refused), sum(answer[0] == 204 for answer in answers)) == (5, 15)
        assert refused[0][1]["o:errorDetails"][0]["o:errorCode"] == "CONCURRENCY_LIMIT_EXCEEDED"
        assert "Retry-After" not in refused[0][2]
        assert len(await client.records("customer")) == 15
