"""The live tail on a real broker: statuses reach everyone who follows, and a slow reader misses old ones, not new ones."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from services.visibility.adapters.tail import LiveTail
from shared.ops import schemas, topics
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.integration.test_visibility_kpis import publish
from tests.support.stack import Stack


@pytest.fixture
async def tail(stack: Stack) -> AsyncIterator[LiveTail]:
    await asyncio.to_thread(topics.apply, stack.bootstrap)
    await asyncio.to_thread(schemas.publish, stack.registry)
    found, stopping = LiveTail(stack.bootstrap, Codec(Registry(stack.registry)), queued=3), asyncio.Event()
    running = asyncio.create_task(found.run(stopping))
    yield found
    stopping.set()
    await running


async def first_of(tail: LiveTail, contract_id: str, heard: asyncio.Event) -> dict[str, str]:
    async for text in tail.follow():
        heard.set()
        status: dict[str, str] = json.loads(text) if text else {}
        if status.get("contract_id") == contract_id:
            return status
    raise AssertionError("the tail ended")


async def test_a_status_reaches_everyone_who_follows(stack: Stack, tail: LiveTail) -> None:
    heard = asyncio.Event()
    following = [asyncio.create_task(first_of(tail, "TAIL-2", heard)) for _ in range(2)]
    async with asyncio.timeout(60):
        while not heard.is_set():  # the consumer begins at the end of the topic, wherever that is when it gets there
            await asyncio.to_thread(publish, stack, ["TAIL-1"])
            await asyncio.sleep(0.1)
        await asyncio.to_thread(publish, stack, ["TAIL-2"])
        found = await asyncio.gather(*following)
    assert [status["contract_id"] for status in found] == ["TAIL-2", "TAIL-2"]
    assert {status["condition"] for status in found} == {"FLOWING"}
