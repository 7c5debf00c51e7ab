"""Thousands of dead letters, applied while the service is killed, its database is lost and its records keep coming: each once, in order."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from shared.messages.source import SourceAccount
from shared.ops.dlt_desk import ENDED, Desk
from shared.ops.errors import OpsError
from tests.integration.test_redrive import none_held, standing
from tests.integration.test_runtime import settled, until
from tests.support.redriving import desk, items_of, plan_of
from tests.support.service import Bench, account, bench
from tests.support.stack import Stack

KEYS, RECORDS = 800, 3000
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


async def test_losing_everything_on_the_way_loses_doubles_and_reorders_nothing(stack: Stack, database: str) -> None:
    """A third of the keys have a letter somewhere among their records; the order that comes out is that of a run without failures."""
    chance = random.Random(20260301)
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        events = [_event(chance, n) for n in range(RECORDS)]
        service.send(*events)
        async with desk(service) as asked:
            await until(settled(service, RECORDS))
            stopped = await standing(service)
            assert stopped > 200
            service.faults = set()
            plan = await plan_of(asked)
            await _apply_for_a_while(asked, plan, looks=8)
        extra = [_event(chance, n) for n in range(200)]
        service.send(*extra)
        async with desk(service) as asked:
            await service.fetch(CUT)
            told = await _apply_to_the_end(asked, plan, service)
            assert (told["status"], told["progress"]) == ("ended", {"confirmed": stopped})
            assert {item["status"] for item in await items_of(asked, plan)} == {"confirmed"}
            await until(read(service, RECORDS + len(extra)))
            await until(none_held(service))
            await until(settled(service, RECORDS + len(extra) + stopped))
        assert await standing(service) == 0
        assert _by_key(service.emitted()) == _by_key([*events, *extra])
        counted = (await service.fetch("select count(*) as n, count(distinct letter) as once from audit where what = 're-driven'"))[0]
        assert (counted["n"], counted["once"]) == (stopped, stopped)


def read(service: Bench, count: int) -> Callable[[], Awaitable[bool]]:
    """What was held and set free stands in the journal twice, so its length does not say that the last records have come."""

    async def check() -> bool:
        return bool((await service.fetch("select count(*) as n from journal where inbox is null"))[0]["n"] >= count)

    return check


def _event(chance: random.Random, n: int) -> tuple[str, SourceAccount]:
    key = f"A{chance.randrange(KEYS)}"
    return key, account(key, "stop" if chance.random() < 0.1 else f"name {n}")


def _by_key(records: Sequence[tuple[str, SourceAccount]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, message in records:
        found.setdefault(key, []).append(message.event_id)
    return found


async def _apply_for_a_while(asked: Desk, plan: Any, looks: int) -> None:
    """As someone does who presses Ctrl-C."""
    for _ in range(looks):
        await asyncio.to_thread(asked.advance, plan)
        await asyncio.sleep(0.05)


async def _apply_to_the_end(asked: Desk, plan: Any, service: Bench) -> Any:
    """Again and again, as someone does whose command says that nothing answers; the database goes away now and then."""
    async with asyncio.timeout(90):
        for look in range(10_000):
            try:
                told = await asyncio.to_thread(asked.advance, plan)
            except OpsError:
                continue
            if told["status"] in ENDED:
                return told
            if look % 20 == 7:
                await service.fetch(CUT)
            await asyncio.sleep(0.05)
