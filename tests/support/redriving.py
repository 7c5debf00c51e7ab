"""A running service with its desk for dead letters, asked as the command line asks it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import SecretStr

from shared.ops.dlt_desk import ENDED, Desk
from shared.runtime.status import Status
from tests.integration.test_runtime import running
from tests.support.service import Bench

TOKEN = "a token for tests"


@asynccontextmanager
async def desk(service: Bench) -> AsyncIterator[Desk]:
    """The service runs as long as this is open."""
    async with running(service) as (engine, runner):
        settings = service.runtime_settings().model_copy(update={"ops_token": SecretStr(TOKEN)})
        pool = engine.store.pool  # type: ignore[attr-defined]
        status = await Status(engine, pool, settings, runner).serve()
        try:
            yield Desk(service.name, f"http://127.0.0.1:{settings.ops_port}", TOKEN, "ann@desk")
        finally:
            await status.cleanup()


async def plan_of(asked: Desk, cause: str | None = None, key: str | None = None, why: str = "the cause is mended") -> Any:
    begun = await asyncio.to_thread(asked.begin, cause, key, why)
    return await asyncio.to_thread(asked.judge, begun, lambda told: None)


async def items_of(asked: Desk, plan: Any) -> list[Any]:
    return await asyncio.to_thread(lambda: list(asked.items(plan["id"])))


async def apply(asked: Desk, plan: Any) -> Any:
    """To its end."""
    async with asyncio.timeout(60):
        while True:
            told = await asyncio.to_thread(asked.advance, plan)
            if told["status"] in ENDED:
                return told
            await asyncio.sleep(0.05)
