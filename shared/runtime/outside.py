"""The real Kafka, clock, chance and threads."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from confluent_kafka import Consumer, Producer

from shared.runtime.ports import Outside, P, T
from shared.store.rows import Lane


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def chance(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311  spreads retries, guards no secret


class Threads:
    """A pool of threads that belongs to the running loop."""

    def __init__(self, name: str, count: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.pool = ThreadPoolExecutor(count, thread_name_prefix=name)

    async def run(self, what: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await self.loop.run_in_executor(self.pool, partial(what, *arguments, **named))

    def submit(self, what: Callable[[], object]) -> object:
        """Start `what` and do not wait for it."""
        return self.pool.submit(what)

    def wait(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T:
        """Run `coroutine` on the loop and wait for it, `timeout` seconds at the most. Raises TimeoutError."""
        running = asyncio.run_coroutine_threadsafe(coroutine, self.loop)
        try:
            return running.result(timeout)
        except TimeoutError:
            running.cancel()  # it would go on, and take what nobody waits for any more
            raise

    def tell(self, what: Callable[[list[Lane]], None], lanes: list[Lane]) -> None:
        """Have `what` called on the loop, soon."""
        self.loop.call_soon_threadsafe(what, lanes)

    def close(self) -> None:
        """Take nothing new; what is under way ends by itself."""
        self.pool.shutdown(wait=False, cancel_futures=True)


OUTSIDE = Outside(Consumer, Producer, Threads, SystemClock(), chance)
