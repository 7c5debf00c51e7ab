"""A sandbox fails on order, in the vendor's words, for as long as it was told, and remembers who asked what."""

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.sandboxes.common.faults import FaultOrder, Faults, HeavyTail, Limit, Throttle
from deploy.sandboxes.process import Sandbox, running
from deploy.sandboxes.sign_in import netsuite_token, salesforce_token

ACCOUNT = "netsuite-emea"
ACME = {"companyName": "Acme", "subsidiary": {"id": "3"}}


# aiohttp sends a PUT or GET a second time when the server hangs up, and its caller hears only of the second failure.
SENDINGS = 2


class Erp:
    def __init__(self, session: aiohttp.ClientSession, sandbox: Sandbox, token: str) -> None:
        self.session, self.sandbox, self.headers = session, sandbox, {"Authorization": f"Bearer {token}"}

    async def put(self, eid: str, record: str = "customer", body: Any = None, **headers: str) -> tuple[int, Any, Any]:
        address = f"{self.sandbox.url}/{ACCOUNT}/services/rest/record/v1/{record}/eid:{eid}"
        async with self.session.put(address, json=body or ACME, headers={**self.headers, **headers}) as answer:
            return answer.status, (await answer.json(content_type=None) if await answer.text() else None), answer.headers

    async def get(self, eid: str) -> int:
        address = f"{self.sandbox.url}/{ACCOUNT}/services/rest/record/v1/customer/eid:{eid}"
        async with self.session.get(address, headers=self.headers) as answer:
            await answer.read()
            return answer.status

    async def order(self, **order: Any) -> int:
        async with self.session.post(self.sandbox.url + "/_sandbox/faults", json=order) as answer:
            return answer.status

    async def clear(self) -> None:
        async with self.session.delete(self.sandbox.url + "/_sandbox/faults") as answer:
            assert answer.status == 204

    async def told(self, path: str) -> Any:
        async with self.session.get(f"{self.sandbox.url}/_sandbox/{path}") as answer:
            return await answer.json()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running_erp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Erp]:
    async with running("netsuite", tmp_path_factory.mktemp("home")) as sandbox, aiohttp.ClientSession() as session:
        yield Erp(session, sandbox, await netsuite_token(session, sandbox.url, ACCOUNT, sandbox.home))


@pytest_asyncio.fixture(loop_scope="session")
async def erp(running_erp: Erp) -> AsyncIterator[Erp]:
    yield running_erp
    await running_erp.clear()


async def test_a_throttle_for_the_next_two_is_over_after_two(erp: Erp) -> None:
    assert await erp.order(throttle={"next": 2}) == 201
    answers = [await erp.put("TH-1") for _ in range(3)]
    assert [answer[0] for answer in answers] == [429, 429, 204]
    assert answers[0][1]["o:errorDetails"][0]["o:errorCode"] == "CONCURRENCY_LIMIT_EXCEEDED"
    await erp.order(throttle={"next": 1, "retry_after": 7})
    assert (await erp.put("TH-1"))[2]["Retry-After"] == "7"


async def test_an_error_narrowed_to_one_record_of_one_account_leaves_the_rest_alone(erp: Erp) -> None:
    await erp.order(account=ACCOUNT, record="billingSchedule", error={"next": 1, "status": 500})
    await erp.order(account="netsuite-us", error={"next": 5})
    assert (await erp.put("ER-1"))[0] == 204
    assert (await erp.put("ER-1", "billingSchedule", {"name": "Plan"}))[0] == 500
    assert (await erp.put("ER-1", "billingSchedule", {"name": "Plan"}))[0] == 204


async def test_an_answer_dropped_after_commit_leaves_the_object_there(erp: Erp) -> None:
    await erp.order(drop_after_commit={"next": SENDINGS})
    with pytest.raises(aiohttp.ClientConnectionError):
        await erp.put("DROP-1")
    assert await erp.get("DROP-1") == 200
    seen = [call for call in (await erp.told("requests"))["requests"] if call["path"].endswith("eid:DROP-1")]
    assert [call["status"] for call in seen] == [0] * SENDINGS + [200]
    held = (await erp.told(f"records?account={ACCOUNT}&record=customer"))["customer"]
    assert len([each for each in held if each["externalId"] == "DROP-1"]) == 1


async def test_an_outage_carries_nothing_out(erp: Erp) -> None:
    await erp.order(outage={"next": SENDINGS})
    with pytest.raises(aiohttp.ClientConnectionError):
        await erp.put("OUT-1")
    assert await erp.get("OUT-1") == 404


async def test_reads_that_lag_behind_show_what_was_there_while_writes_act_on_what_is(erp: Erp) -> None:
    assert await erp.order(stale_reads={"behind_s": 50}) == 201
    assert (await erp.put("STALE-1"))[0] == 204
    assert await erp.get("STALE-1") == 404
    assert (await erp.put("STALE-1", body={**ACME, "companyName": "Acme again"}))[0] == 204
    await erp.clear()
    assert await erp.get("STALE-1") == 200
    held = (await erp.told(f"records?account={ACCOUNT}&record=customer"))["customer"]
    assert [each["fields"]["companyName"] for each in held if each["externalId"] == "STALE-1"] == ["Acme again"]


async def test_a_write_that_was_carried_out_is_told_with_the_digest_of_what_it_said(erp: Erp) -> None:
    before = (await erp.told("requests"))["total"]
    for body in (ACME, {"subsidiary": {"id": 3}, "companyName": "Acme"}, {**ACME, "companyName": "Other"}, {"companyName": "Acme"}):
        await erp.put("DIGEST-1", body=body)
    first, same, other, _ = [call["digest"] for call in (await erp.told(f"requests?after={before}"))["requests"]]
    assert first == same
    assert other not in (None, first)
    await erp.order(reject={"record": "customer", "field": "companyName", "code": "USER_ERROR", "message": "Closed."})
    await erp.put("DIGEST-1")
    assert (await erp.told(f"requests?after={before + 4}"))["requests"][0]["digest"] is None


async def test_a_rule_refuses_the_value_it_names_and_no_other(erp: Erp) -> None:
    rule = {"record": "customer", "field": "subsidiary", "value": "7", "code": "USER_ERROR", "message": "Subsidiary 7 is closed."}
    await erp.order(reject=rule)
    status, told, _ = await erp.put("RU-1", body={**ACME, "subsidiary": {"id": "7"}})
    assert (status, told["o:errorDetails"][0]["detail"]) == (400, "Subsidiary 7 is closed.")
    assert (await erp.put("RU-1"))[0] == 204


async def test_latency_and_slow_bodies_take_their_time(erp: Erp) -> None:
    await erp.put("SLOW-1")
    await erp.order(latency_ms=200)
    started = time.perf_counter()
    await erp.get("SLOW-1")
    assert time.perf_counter() - started >= 0.2
    await erp.clear()
    await erp.order(slow_body={"next": 1, "over_seconds": 0.3})
    started = time.perf_counter()
    assert await erp.get("SLOW-1") == 200
    assert time.perf_counter() - started >= 0.3


async def test_orders_that_make_no_sense_are_refused_and_the_rest_can_be_read_and_cleared(erp: Erp) -> None:
    assert await erp.order(throtle={"next": 2}) == 400
    assert await erp.order(throttle={"next": "many"}) == 400
    await erp.order(error={"seconds": 60})
    (fault,) = (await erp.told("faults"))["faults"]
    assert (fault["kind"], fault["calls_left"], 0 < fault["seconds_left"] <= 60) == ("error", None, True)
    await erp.clear()
    assert (await erp.told("faults"))["faults"] == []


async def test_an_order_is_lifted_alone_and_tells_how_many_calls_it_befell(erp: Erp) -> None:
    async def ordered(**order: Any) -> str:
        async with erp.session.post(erp.sandbox.url + "/_sandbox/faults", json=order) as answer:
            return str((await answer.json())["order"])

    async def lifted(name: str) -> tuple[int, Any]:
        async with erp.session.delete(f"{erp.sandbox.url}/_sandbox/faults/{name}") as answer:
            return answer.status, (await answer.json()).get("met")

    used_up, lasting, idle = (
        await ordered(throttle={"next": 2}),
        await ordered(error={"status": 500}, stale_reads={"behind_s": 1}),
        await ordered(latency_ms=1),
    )
    assert [(await erp.put("LIFT-1"))[0] for _ in range(3)] == [429, 429, 500]
    assert await lifted(used_up) == (200, {"throttle": 2})
    assert (await erp.put("LIFT-1"))[0] == 500
    assert await lifted(lasting) == (200, {"error": 2, "stale_reads": 0})
    assert (await erp.put("LIFT-1"))[0] == 204
    assert (await lifted(idle))[1]["latency_ms"] == 5
    assert (await lifted(lasting))[0] == 404


async def test_calls_are_told_page_by_page_without_secrets(erp: Erp) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await erp.put("LOG-1", traceparent=trace, **{"X-NetSuite-Idempotency-Key": "k-1"})
    total = (await erp.told("requests"))["total"]
    page = await erp.told(f"requests?after={total - 1}")
    (call,) = page["requests"]
    assert (call["n"], call["method"], call["status"], call["account"], page["next_after"]) == (total, "PUT", 204, ACCOUNT, None)
    assert (call["headers"]["traceparent"], call["headers"]["x-netsuite-idempotency-key"]) == (trace, "k-1")
    assert call["headers"]["authorization"] == "Bearer ***"
    first = await erp.told("requests?limit=2")
    assert ([each["n"] for each in first["requests"]], first["next_after"]) == ([1, 2], 2)


async def test_revoked_tokens_stop_working_and_new_ones_are_given(erp: Erp) -> None:
    async with erp.session.post(erp.sandbox.url + "/_sandbox/expire-tokens") as answer:
        assert answer.status == 204
    assert (await erp.put("TOK-1"))[0] == 401
    token = await netsuite_token(erp.session, erp.sandbox.url, ACCOUNT, erp.sandbox.home)
    erp.headers["Authorization"] = f"Bearer {token}"
    assert (await erp.put("TOK-1"))[0] == 204


async def test_salesforce_throttles_and_fails_in_its_own_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running("psa", tmp_path_factory.mktemp("psa")) as sandbox, aiohttp.ClientSession() as session:
        token = await salesforce_token(session, sandbox.url, "psa", sandbox.home)
        await session.post(sandbox.url + "/_sandbox/faults", json={"throttle": {"next": 1}, "error": {"next": 1}})
        address = sandbox.url + "/services/data/v62.0/sobjects/pse__Proj__c/Throughline_Key__c/F-1"

        async def upsert() -> tuple[int, Any]:
            async with session.patch(address, json={"Name": "Rollout"}, headers={"Authorization": f"Bearer {token}"}) as answer:
                return answer.status, await answer.json()

        throttled, failed, done = await upsert(), await upsert(), await upsert()
        assert (throttled[0], throttled[1][0]["errorCode"]) == (403, "REQUEST_LIMIT_EXCEEDED")
        assert (failed[0], failed[1][0]["errorCode"]) == (503, "SERVER_UNAVAILABLE")
        assert done[0] == 201


def test_faults_for_so_many_seconds_end_by_the_clock() -> None:
    clock = [100.0]
    faults = Faults(lambda: clock[0])
    faults.order(FaultOrder(throttle=Throttle(seconds=5), outage=Limit(next=1)))
    assert faults.take("throttle", "a", "r") is not None
    clock[0] = 105.0
    assert faults.take("throttle", "a", "r") is None
    assert [faults.take("outage", "a", "r") is not None for _ in range(2)] == [True, False]


def test_a_heavy_tail_is_no_shorter_than_its_least_and_no_longer_than_its_most() -> None:
    tail = HeavyTail(least_ms=200, alpha=1.5, most_ms=5000)
    assert [round(tail.longer_ms(chance)) for chance in (0, 0.5, 0.91, 0.999)] == [200, 317, 996, 5000]


async def test_a_heavy_tail_slows_only_the_account_that_it_was_ordered_for(erp: Erp) -> None:
    assert await erp.order(account=ACCOUNT, heavy_tail={"least_ms": 300, "alpha": 2, "most_ms": 300}) < 300
    began = time.monotonic()
    assert (await erp.put("TAIL-1"))[0] == 204
    assert time.monotonic() - began >= 0.3
    await erp.clear()
    assert await erp.order(account="netsuite-apac", heavy_tail={"least_ms": 10**6, "alpha": 2, "most_ms": 10**6}) < 300
    assert (await erp.put("TAIL-2"))[0] == 204
