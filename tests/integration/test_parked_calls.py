"""A call whose adapter keeps failing is parked, is said to be, and goes on once the adapter is mended."""

import asyncio
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

import pytest

from shared.ops import calls
from shared.ops.console import fetch
from shared.ops.dlt_desk import Refused
from shared.runtime import answering
from shared.runtime.answers import Absent, Done, Exchange, Finding, Reply
from shared.runtime.decision import Allowance, Intent, Target
from shared.runtime.retry import Backoff
from shared.store.effects import FAULTS_TO_PARK
from shared.telemetry import metrics
from tests.integration.test_runtime import until
from tests.support.redriving import desk
from tests.support.service import account, bench
from tests.support.stack import Stack


class Buggy:
    """Raises before anything is sent for account A, until it is mended."""

    def __init__(self) -> None:
        self.mended, self.looked = False, 0
        self.sent: list[object] = []

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        name = intent.content["account"]
        if name == "A" and not self.mended:
            raise TypeError("the adapter has a bug")
        self.sent.append(name)
        return Reply(Done(str(name)), Exchange("PUT /account"))

    async def look_up(self, intent: Intent) -> Finding:
        self.looked += 1
        return Absent()


async def test_a_call_whose_adapter_keeps_failing_is_parked_and_goes_on_when_it_is_mended(
    stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "RETRY", Backoff(first=0.01, limit=0.1))
    adapter = Buggy()
    async with bench(stack, database) as service:
        service.target = lambda name: Target(adapter, Allowance(2))
        service.send(("A", account("A", "a")))
        async with desk(service) as asked:

            async def status() -> Any:
                return await asyncio.to_thread(fetch, f"{asked.url}/status")

            async def is_parked() -> bool:
                return bool((await status())["parked"])

            async def is_done() -> bool:
                rows = await service.fetch("select status from effect where key = 'account:A'")
                return [r["status"] for r in rows] == ["done"]

            await until(is_parked)
            (call,) = (await status())["parked"]
            assert (call["key"], call["target"], call["faults"]) == ("account:A", "ledger", FAULTS_TO_PARK)
            assert "TypeError: the adapter has a bug" in calls.said(call)
            assert not (await status())["idle"]
            await asyncio.to_thread(_scrape, asked.url)
            assert b'throughline_parked_calls{target="ledger"} 1.0' in metrics.render()
            adapter.mended = True
            here = replace(asked, room="calls")
            with pytest.raises(Refused, match="show the ops token"):
                await asyncio.to_thread(replace(here, token="another").call, "POST", "retry", {"who": "ann"})
            assert await asyncio.to_thread(here.call, "POST", "retry", {"who": "ann"}) == {"calls": 1}
            await until(is_done)
            assert (await status())["parked"] == []
    assert adapter.sent == ["A"]
    assert adapter.looked == FAULTS_TO_PARK  # nothing is sent again unseen, whatever the fault was
    assert [r["n"] for r in await service.fetch("select faults as n from effect")] == [0]


async def test_calls_to_a_system_that_nobody_knows_are_said_to_be(stack: Stack, database: str) -> None:
    def nobody(name: str) -> Target:
        raise KeyError(name)

    async with bench(stack, database) as service:
        service.target = nobody
        service.send(("A", account("A", "a")))
        async with desk(service) as asked:

            async def is_said() -> bool:
                told: Any = await asyncio.to_thread(fetch, f"{asked.url}/status")
                return [(each["target"], each["state"], each["open"]) for each in told["targets"]] == [("ledger", "unknown", 1)]

            await until(is_said)


def _scrape(url: str) -> None:
    urlopen(f"{url}/metrics", timeout=10).close()
