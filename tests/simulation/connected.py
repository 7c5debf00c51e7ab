"""A process's connection to the database in memory: each call is an exchange, and its request, its answer or its process may be lost on the way."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from tests.simulation.database import Database, Transaction
from tests.simulation.loop import Process

T = TypeVar("T")


def _cut(why: str) -> Exception:
    return asyncpg.InterfaceError(f"connection is closed: {why}")


class Connected:
    """A process's connection to the database."""

    def __init__(self, database: Database, process: Process) -> None:
        self.db, self.process, self.world = database, process, database.world

    async def ask(self, what: str, serve: Callable[[], T]) -> T:
        answer: T = await self.world.exchange("postgres", what, serve, _cut)
        return answer

    async def ask_long(self, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        """For statements that may wait for locks."""
        answer: T = await self.world.exchange("postgres", what, serve, _cut)
        return answer

    async def within(self, transaction: Transaction, what: str, serve: Callable[[], Awaitable[T]]) -> T:
        transaction.under_way += 1
        return await self.ask_long(what, lambda: transaction.served(serve()))

    @property
    def now(self) -> float:
        return self.world.loop.time()
