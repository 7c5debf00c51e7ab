"""A relay that lingers: what comes within the linger shares a transaction, and is waited for at the end."""

import asyncio

from shared.runtime.outside import OUTSIDE, Threads
from shared.runtime.positions import Publisher
from shared.runtime.records import packed
from shared.runtime.relay import Relay
from shared.store.batches import BatchStore
from shared.store.lanes import LaneStore
from shared.store.outbox import OutboxStore
from shared.store.pool import open_pool
from shared.store.rows import Batch, Fence, Lane, OutboxRow, Publication
from tests.bench.subject import committed
from tests.support.service import bench
from tests.support.stack import Stack

LANE: Lane = ("one", 0)
LINGER_S, PATIENCE_S = 2.0, 30.0


async def test_lines_within_a_linger_share_a_transaction_and_are_waited_for(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        pool = await open_pool(database, 3)
        await LaneStore(pool).claim([LANE], {"one": "id-1"})
        store, publisher = BatchStore(pool), Publisher(OUTSIDE, stack.bootstrap, service.name, LANE, "here")
        relay = Relay(LANE, publisher, OutboxStore(pool), Threads("relay", 4), OUTSIDE.chance, LINGER_S)
        running = asyncio.create_task(relay.run())

        async def line(text: str) -> list[OutboxRow]:
            told = Publication(LANE, service.output, b"key", text.encode(), packed([]))
            return (await store.commit(Batch([Fence(LANE, 0, 0, 1)], publications=[told])))[LANE]

        relay.offer(await line("opens the relay"))
        await asyncio.wait_for(relay.drained.wait(), PATIENCE_S)
        relay.offer(await line("first"))
        relay.offer(await line("second"))  # later by a commit, in which a relay in a hurry would have begun
        assert not relay.drained.is_set()
        await asyncio.wait_for(relay.drained.wait(), PATIENCE_S)
        assert [m.value() for m in committed(stack.bootstrap, service.output)] == [b"opens the relay", b"first", b"second"]
        assert sum(m.key() == publisher.key for m in committed(stack.bootstrap, f"{service.name}.position.v1")) == 2
        running.cancel()
        await pool.close()
