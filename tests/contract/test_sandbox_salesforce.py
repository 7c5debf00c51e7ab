"""The PSA and CRM sandboxes accept and refuse what a Salesforce org does, in its words."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.sandboxes.keys import client_secret
from deploy.sandboxes.process import running
from deploy.sandboxes.salesforce.ids import canonical, record_id, with_check
from deploy.sandboxes.sign_in import salesforce_token

DATA = "/services/data/v62.0"


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str, token: str) -> None:
        self.session, self.url, self.headers = session, url, {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.url}{DATA}/{path}", json=body, headers=self.headers) as answer:
            return answer.status, (await answer.json() if await answer.text() else None)

    async def upsert(self, sobject: str, key: str, body: Any) -> tuple[int, Any]:
        return await self.call("PATCH", f"sobjects/{sobject}/Throughline_Key__c/{key}", body)

    async def refused(self, sobject: str, body: Any) -> tuple[int, str, str]:
        """(status, code, message) of a refused upsert."""
        status, told = await self.upsert(sobject, "REFUSED", body)
        return status, told[0]["errorCode"], told[0]["message"]

    async def query(self, soql: str) -> tuple[int, Any]:
        async with self.session.get(f"{self.url}{DATA}/query", params={"q": soql}, headers=self.headers) as answer:
            return answer.status, await answer.json()


async def client_of(name: str, factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async with running(name, factory.mktemp(name)) as sandbox, aiohttp.ClientSession() as session:
        yield Client(session, sandbox.url, await salesforce_token(session, sandbox.url, name, sandbox.home))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def psa(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async for client in client_of("psa", tmp_path_factory):
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def crm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    async for client in client_of("crm", tmp_path_factory):
        yield client


async def project(psa: Client, key: str) -> str:
    status, told = await psa.upsert("pse__Proj__c", key, {"Name": "Rollout", "pse__Start_Date__c": "2026-01-01", "pse__Is_Active__c": True})
    assert status in (200, 201)
    return str(told["id"])


async def test_an_upsert_says_whether_it_created_and_twice_makes_one_project(psa: Client) -> None:
    body = {"Name": "Rollout", "CurrencyIsoCode": "EUR"}
    created = await psa.upsert("pse__Proj__c", "P-1", body)
    again = await psa.upsert("pse__Proj__c", "P-1", {**body, "Name": "Rollout II"})
    internal_id = created[1]["id"]
    assert created == (201, {"id": internal_id, "success": True, "errors": [], "created": True})
    assert again == (200, {"id": internal_id, "success": True, "errors": [], "created": False})
    _, by_key = await psa.call("GET", "sobjects/pse__Proj__c/Throughline_Key__c/P-1")
    _, by_id = await psa.call("GET", f"sobjects/pse__Proj__c/{internal_id}")
    assert by_key == by_id
    assert (by_key["Name"], by_key["attributes"]["type"]) == ("Rollout II", "pse__Proj__c")


async def test_a_milestone_finds_its_project_by_external_id(psa: Client) -> None:
    project_id = await project(psa, "P-2")
    body = {"Name": "Design", "pse__Project__r": {"Throughline_Key__c": "P-2"}, "pse__Milestone_Amount__c": 1234.5, "pse__Status__c": "Planned"}
    assert (await psa.upsert("pse__Milestone__c", "P-2.M1", body))[0] == 201
    soql = "SELECT Id, Name, pse__Milestone_Amount__c, pse__Project__r.Name FROM pse__Milestone__c WHERE pse__Project__r.Throughline_Key__c = 'P-2'"
    _, found = await psa.query(soql)
    (row,) = found["records"]
    assert (found["totalSize"], row["pse__Milestone_Amount__c"], row["pse__Project__r"]) == (1, 1234.5, {"Name": "Rollout"})
    assert (await psa.call("GET", "sobjects/pse__Milestone__c/Throughline_Key__c/P-2.M1"))[1]["pse__Project__c"] == project_id


MILESTONE = {"Name": "Design", "pse__Project__r": {"Throughline_Key__c": "P-3"}}
REFUSALS = [
    ({"Nmae": "x"}, "INVALID_FIELD", "No such column 'Nmae' on sobject of type pse__Milestone__c"),
    ({"Name": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"),
    ({"Name": "n" * 81}, "STRING_TOO_LONG", f"Milestone Name: data value too large: {'n' * 81} (max length=80)"),
    ({"pse__Status__c": "Done"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Status: bad value for restricted picklist field: Done"),
    (
        {"pse__Project__r": {"Throughline_Key__c": "NOWHERE"}},
        "INVALID_FIELD",
        "Foreign key external ID: NOWHERE not found for field Throughline_Key__c in entity pse__Proj__c",
    ),
    ({"pse__Project__r": {"Name": "Rollout"}}, "INVALID_FIELD", None),
    ({"pse__Project__c": "not-an-id"}, "MALFORMED_ID", "Project: id value of incorrect type: not-an-id"),
    ({"pse__Project__c": record_id("001", 4)}, "MALFORMED_ID", None),
    ({"pse__Project__c": record_id("a0P", 99999)}, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    ({"pse__Milestone_Amount__c": "12.50"}, "JSON_PARSER_ERROR", None),
    ({"pse__Milestone_Amount__c": 10**17}, "NUMBER_OUTSIDE_VALID_RANGE", None),
    ({"pse__Target_Date__c": "01/02/2026"}, "JSON_PARSER_ERROR", None),
    ({"pse__Approved__c": "yes"}, "JSON_PARSER_ERROR", None),
    ({"CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", None),
    ({"Throughline_Key__c": "REFUSED"}, "INVALID_FIELD", "The Throughline_Key__c field should not be specified in the sobject data."),
]


@pytest.mark.parametrize(("change", "code", "message"), REFUSALS, ids=lambda value: str(value)[:40])
async def test_a_milestone_that_is_wrong_in_one_thing_is_refused_for_it(psa: Client, change: dict[str, Any], code: str, message: str | None) -> None:
    await project(psa, "P-3")
    refusal = await psa.refused("pse__Milestone__c", {**MILESTONE, **change})
    assert refusal[:2] == (400, code)
    assert message is None or refusal[2] == message
    assert (await psa.call("GET", "sobjects/pse__Milestone__c/Throughline_Key__c/REFUSED"))[0] == 404


async def test_resource_codes_outside_the_roster_are_refused(psa: Client) -> None:
    await project(psa, "P-4")
    on_project = {"pse__Project__r": {"Throughline_Key__c": "P-4"}}
    known = {**on_project, "pse__Resource__r": {"Throughline_Key__c": "ARCH"}, "pse__Bill_Rate__c": 180.00, "pse__Role__c": "Architect"}
    assert (await psa.upsert("pse__Assignment__c", "P-4.ARCH", known))[0] == 201
    unknown = {**known, "pse__Resource__r": {"Throughline_Key__c": "WIZARD"}}
    assert (await psa.refused("pse__Assignment__c", unknown))[2].startswith("Foreign key external ID: WIZARD not found")
    request = {**on_project, "pse__Resource_Role__c": "WIZARD", "pse__Start_Date__c": "2026-01-01", "pse__End_Date__c": "2026-06-30"}
    assert (await psa.refused("pse__Resource_Request__c", request))[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert (await psa.upsert("pse__Resource_Request__c", "P-4.RR", {**request, "pse__Resource_Role__c": "ARCH"}))[0] == 201


async def test_a_contract_has_an_account_a_known_status_and_an_end_of_its_own(crm: Client) -> None:
    assert (await crm.refused("Contract", {"Status": "Draft"}))[1:] == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [AccountId]")
    await crm.upsert("Account", "A-1", {"Name": "Acme", "BillingCountry": "Germany"})
    body = {"Account": {"Throughline_Key__c": "A-1"}, "Status": "Draft", "StartDate": "2026-01-31", "ContractTerm": 13}
    assert (await crm.upsert("Contract", "C-1", body))[0] == 201
    _, told = await crm.call("GET", "sobjects/Contract/Throughline_Key__c/C-1")
    assert (told["EndDate"], told["AccountId"][:3], told["ContractNumber"].isdigit()) == ("2027-02-27", "001", True)
    assert (await crm.refused("Contract", {**body, "EndDate": "2027-01-01"}))[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert (await crm.refused("Contract", {**body, "Status": "Signed"}))[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


async def test_accounts_have_parents_and_cannot_go_while_contracts_hang_on_them(crm: Client) -> None:
    await crm.upsert("Account", "TOP", {"Name": "Holding"})
    assert (await crm.upsert("Account", "SUB", {"Name": "Subsidiary", "Parent": {"Throughline_Key__c": "TOP"}}))[0] == 201
    status, told = await crm.call("DELETE", "sobjects/Account/Throughline_Key__c/TOP")
    assert (status, told[0]["errorCode"]) == (400, "DELETE_FAILED")
    assert (await crm.call("DELETE", "sobjects/Account/Throughline_Key__c/SUB"))[0] == 204
    assert (await crm.call("DELETE", "sobjects/Account/Throughline_Key__c/TOP"))[0] == 204


async def test_records_are_created_changed_and_deleted_by_id(crm: Client) -> None:
    status, told = await crm.call("POST", "sobjects/Account", {"Name": "Plain", "Throughline_Key__c": "BY-ID"})
    assert (status, told["success"]) == (201, True)
    path = f"sobjects/Account/{told['id']}"
    assert (await crm.call("PATCH", path, {"Site": "HQ"}))[0] == 204
    assert (await crm.call("GET", path + "?fields=Name,Site"))[1].items() >= {"Name": "Plain", "Site": "HQ", "Id": told["id"]}.items()
    assert (await crm.call("POST", "sobjects/Account", {"Name": "Other", "Throughline_Key__c": "BY-ID"}))[1][0]["errorCode"] == "DUPLICATE_VALUE"
    assert (await crm.call("DELETE", path))[0] == 204
    assert (await crm.call("GET", path))[0] == 404


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("sobjects/Spaceship/Throughline_Key__c/1", 404, "NOT_FOUND"),
        ("sobjects/Account/Name/Acme", 404, "NOT_FOUND"),
        ("sobjects/Account/Throughline_Key__c/NOBODY", 404, "NOT_FOUND"),
        ("sobjects/Account/xyz", 400, "MALFORMED_ID"),
        ("query?q=SELECT%20Shoe%20FROM%20Account", 400, "INVALID_FIELD"),
        ("query?q=SELECT%20Id%20FROM%20Spaceship", 400, "INVALID_TYPE"),
        ("query?q=DROP%20TABLE%20Account", 400, "MALFORMED_QUERY"),
        ("limits", 404, "NOT_FOUND"),
    ],
)
async def test_what_does_not_exist_is_not_found(crm: Client, path: str, status: int, code: str) -> None:
    answered, told = await crm.call("GET", path)
    assert (answered, told[0]["errorCode"]) == (status, code)


async def test_update_only_creates_nothing(crm: Client) -> None:
    assert (await crm.call("PATCH", "sobjects/Account/Throughline_Key__c/NEW?updateOnly=true", {"Name": "x"}))[0] == 404


async def test_nobody_gets_in_without_a_session_or_the_secret(crm: Client) -> None:
    status, told = await Client(crm.session, crm.url, "made.up").call("GET", "sobjects/Account/x")
    assert (status, told) == (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    form = {"grant_type": "client_credentials", "client_id": "throughline", "client_secret": "guess"}
    async with crm.session.post(crm.url + "/services/oauth2/token", data=form) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_client")


async def test_the_secret_is_taken_from_a_basic_header_too(tmp_path: Any) -> None:
    async with running("crm", tmp_path) as sandbox, aiohttp.ClientSession() as session:
        known = client_secret(sandbox.home, "crm")
        login = {"Authorization": aiohttp.encode_basic_auth(known.client_id, known.secret())}
        async with session.post(sandbox.url + "/services/oauth2/token", data={"grant_type": "client_credentials"}, headers=login) as answer:
            token = await answer.json()
        assert (token["token_type"], token["instance_url"]) == ("Bearer", sandbox.url)


def test_record_ids_carry_a_check_of_their_capitals() -> None:
    assert with_check("00190000001pPvH") == "00190000001pPvHAAU"
    assert canonical("00190000001pPvH") == canonical("00190000001pPvHAAU") == "00190000001pPvHAAU"
    assert canonical("00190000001ppvHAAU") is None
    assert len({record_id("a0P", n) for n in range(1, 5000)}) == 4999
