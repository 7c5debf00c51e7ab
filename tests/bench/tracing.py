"""The trace time of benchmark 7: one contract's whole story, as the console answers `throughline trace`, from a projection that holds ever more."""

import random
import time
from typing import Any

import asyncpg

from services.visibility.adapters.reading import Projection
from services.visibility.adapters.rebuilding import rebuild
from services.visibility.adapters.swapping import COLUMNS
from shared.store.pool import open_pool
from tests.bench.measure import quantile
from tests.bench.rebuild import SERVICE, decided, room, send
from tests.support.stack import Stack

ASKED, WARM = 300, 20
PATTERN = "C-000000"
COPIES = {"contract": 1, "transition": 5, "agreement": 1, "engagement": 1}  # rows of a contract
CHANGED = {"contract_id": f"'{PATTERN}-' || n", '"offset"': '"offset" + n * 10', "parent_id": "null"}
COPY = "insert into {table} ({columns}) select {told} from {table} cross join generate_series($1::bigint, $2::bigint) n where contract_id = $3"


async def run(stack: Stack, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """One contract is sent through the decider; the others are copies of its rows, so that a million of them cost minutes and not hours."""
    settings = await room(stack)
    send(stack, 1)
    await decided(settings)
    await rebuild(SERVICE, settings)
    rows, held = list[dict[str, Any]](), 0
    async with await open_pool(settings.postgres.get_secret_value(), 1) as pool:
        for size in sizes:
            await _fill(stack, held + 1, size)
            held = size
            rows.append({"contracts": size} | await _asked(Projection(pool, 3600), size))
            print(f"  trace: {rows[-1]}", flush=True)
    return rows


async def _fill(stack: Stack, first: int, last: int) -> None:
    connection = await asyncpg.connect(stack.dsn, server_settings={"search_path": "visibility", "synchronous_commit": "off"})
    for table, of_each in COPIES.items():
        columns = await connection.fetchval(COLUMNS, "visibility", table)
        told = ", ".join(CHANGED.get(column, column) for column in columns.split(", "))
        made = await connection.execute(COPY.format(table=table, columns=columns, told=told), first, last, PATTERN)
        assert int(made.split()[-1]) == of_each * (last - first + 1), f"{table}: {made}"
        await connection.execute(f"vacuum analyze {table}")
    await connection.close()


async def _asked(projection: Projection, size: int) -> dict[str, float]:
    """Milliseconds for contracts drawn evenly from all."""
    chance, taken = random.Random(7), list[float]()
    for _ in range(WARM + ASKED):
        began = time.perf_counter()
        found = await projection.contract(f"{PATTERN}-{chance.randint(1, size)}")
        taken.append((time.perf_counter() - began) * 1000)
        assert len(found.transitions) == COPIES["transition"]
    return {"trace_p50_ms": round(quantile(taken[WARM:], 0.5), 2), "trace_p99_ms": round(quantile(taken[WARM:], 0.99), 2)}
