"""Connections to Postgres, with the time limits that keep a frozen owner from blocking the next one."""

import asyncpg

LIMITS = {
    "idle_in_transaction_session_timeout": "2000",  # a frozen process loses its fence row after two seconds
    "lock_timeout": "3000",
    "statement_timeout": "30000",
    "application_name": "throughline",
}

AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What a statement raises whose connection or server is in trouble; the last of asyncpg's own when the connection ends within a COPY."""


async def _as_it_is(connection: asyncpg.Connection) -> None:
    """asyncpg itself ends a transaction that was left open. Else no session state is ever set, and locks end with their transaction:
    there is nothing to reset, which saves a round trip at every use."""


async def open_pool(dsn: str, size: int) -> asyncpg.Pool:
    """A pool of `size` connections whose search path is the role's own schema."""
    return await asyncpg.create_pool(
        dsn, min_size=1, max_size=size, server_settings=LIMITS, command_timeout=35, max_inactive_connection_lifetime=0, reset=_as_it_is
    )
