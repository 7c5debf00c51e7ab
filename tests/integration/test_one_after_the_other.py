"""A key that records of several topics change is told of through several lanes: readers see its versions in the order of their commits."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.runtime import behind
from shared.runtime.behind import LOOK_S, Behind
from shared.runtime.outside import OUTSIDE, Threads
from shared.runtime.positions import Publisher
from shared.runtime.records import packed
from shared.runtime.relay import Relay
from shared.store.batches import BatchStore
from shared.store.lanes import LaneStore
from shared.store.outbox import OutboxStore
from shared.store.pool import open_pool
from shared.store.rows import Batch, Fence, Lane, Publication, StateChange
from tests.bench.subject import committed
from tests.integration.test_runtime import until
from tests.support.service import bench
from tests.support.stack import Stack
from tests.unit.runtime.test_runner import Clock

KEY = "contract:C-1"
FIRST, SECOND = ("one", 0), ("two", 0)


async def told(pool: asyncpg.Pool, name: str, lane: Lane, version: int, *more: Publication) -> None:
    """The key's next version, decided on in `lane`, is to be published."""
    store = BatchStore(pool)
    read = (await store.load([KEY]))[KEY]
    tell = Publication(lane, f"{name}.out", b"C-1", str(version).encode(), packed([]), KEY)
    states = [StateChange(KEY, version, False, b"{}", None)]
    await store.commit(Batch([Fence(lane, 0, 0, 1)], states, publications=[*more, tell], told={KEY: read.told}))


async def test_a_version_is_published_behind_the_one_before_it_whichever_lane_that_lies_in(stack: Stack, database: str) -> None:
    name = f"svc{uuid.uuid4().hex[:6]}"
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    for future in admin.create_topics([NewTopic(f"{name}.position.v1", 1), NewTopic(f"{name}.out", 1)]).values():
        future.result()
    async with bench(stack, database):
        pool = await open_pool(database, 3)
        await LaneStore(pool).claim([FIRST, SECOND], {"one": "id-1", "two": "id-2"})
        another = Publication(SECOND, f"{name}.out", b"C-2", b"another key", packed([]))
        await told(pool, name, FIRST, 1)
        await told(pool, name, SECOND, 2, another)
        await told(pool, name, FIRST, 3)
        late, early = (relay_of(stack, pool, name, lane) for lane in (FIRST, SECOND))
        running = [asyncio.create_task(early.run())]
        early.begin()
        await until(shown(stack, name, ["another key"]))
        running.append(asyncio.create_task(late.run()))
        late.begin()
        await until(shown(stack, name, ["another key", "1", "2", "3"]))
        for task in running:
            task.cancel()
        await pool.close()


async def test_nothing_waits_for_ever_and_a_lane_is_waited_for_again_once_it_goes_on(
    stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "PATIENCE_S", 3 * LOOK_S)
    async with bench(stack, database):
        pool = await open_pool(database, 3)
        await LaneStore(pool).claim([FIRST, SECOND], {"one": "id-1", "two": "id-2"})
        for lane, version in ((FIRST, 0), (FIRST, 1), (SECOND, 2), (FIRST, 3), (SECOND, 4)):
            await told(pool, "svc", lane, version + 1)
        outbox, clock = OutboxStore(pool), Clock()
        waits = Behind(outbox, clock)
        rows = await outbox.pending(SECOND, 0, 10)

        async def free(later: float = 0.0) -> int:
            clock.seconds += later
            return await waits.free(rows)

        assert await free() == 0
        assert await free(10 * LOOK_S) == 0  # nobody looked meanwhile
        assert await free(LOOK_S) == 0
        await outbox.clear(FIRST, 1)  # it moves, though not as far yet
        for _ in range(4):
            assert await free(LOOK_S) == 0  # at the last of these it is given up
        assert await free() == 2
        await outbox.clear(FIRST, 2)
        assert await free() == 1
        rows = rows[1:]
        assert await free() == 0
        await outbox.clear(FIRST, 3)
        assert await free() == 1
        await pool.close()


def shown(stack: Stack, name: str, wanted: list[str]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        found = await asyncio.to_thread(lambda: [(m.value() or b"").decode() for m in committed(stack.bootstrap, f"{name}.out")])
        assert found == wanted[: len(found)]
        return found == wanted

    return look


def relay_of(stack: Stack, pool: asyncpg.Pool, name: str, lane: Lane) -> Relay:
    publisher = Publisher(OUTSIDE, stack.bootstrap, name, lane, "here")
    return Relay(lane, publisher, OutboxStore(pool), Threads("relay", 4), OUTSIDE.chance)
