"""The client sends an EndTxn again when its connection breaks; the first one may arrive in the middle of the next transaction."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.embedded import kafka
from shared.runtime.outside import OUTSIDE, Threads
from shared.runtime.positions import MARK, Publisher
from shared.runtime.records import packed
from shared.runtime.relay import Relay
from shared.store.batches import BatchStore
from shared.store.lanes import LaneStore
from shared.store.outbox import OutboxStore
from shared.store.pool import open_pool
from shared.store.rows import Batch, Fence, Lane, Publication
from tests.bench.subject import committed
from tests.faults import wire
from tests.support.service import bench
from tests.support.stack import Part, Stack, free_port_base

LANE: Lane = ("in", 0)
BROKER, CLIENTS = 30, 31  # ports behind the base: the broker's second listener, and what leads to it


class Way:
    """To the broker. The second EndTxn is kept when its connection is cut, and comes while the records of the next transaction do."""

    def __init__(self, upstream: int) -> None:
        self.upstream, self.ends, self.produced = upstream, 0, 0
        self.first_came, self.late_came = asyncio.Event(), asyncio.Event()
        self.talks: list[asyncio.Task[None] | None] = []

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())
        broker, to_broker = await asyncio.open_connection("127.0.0.1", self.upstream)
        heard = asyncio.Event()
        answers = asyncio.create_task(self._answers(broker, to_client, heard))
        try:
            await self._requests(client, to_client, to_broker, heard)
            await answers
        finally:
            answers.cancel()
            to_broker.close()
            to_client.close()

    async def _requests(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_broker: asyncio.StreamWriter, heard: asyncio.Event
    ) -> None:
        frames = wire.Frames(framed=True)
        with suppress(OSError):
            while chunk := await client.read(1 << 16):
                for frame in frames.cut(chunk):
                    await self._before(frame, to_client, heard)
                    to_broker.write(frame)
                    await to_broker.drain()

    async def _before(self, frame: bytes, to_client: asyncio.StreamWriter, heard: asyncio.Event) -> None:
        if wire.ends_transaction(frame):
            self.ends += 1
            if self.ends == 2:
                to_client.transport.abort()
                await self.first_came.wait()
        elif self.ends > 2 and not self.late_came.is_set() and int.from_bytes(frame[4:6], "big") == wire.PRODUCE and MARK not in frame:
            self.produced += 1
            if self.produced == 1:
                heard.clear()
            else:
                await heard.wait()  # one partition has its records, the other has not
                self.first_came.set()
                await self.late_came.wait()

    async def _answers(self, broker: asyncio.StreamReader, to_client: asyncio.StreamWriter, heard: asyncio.Event) -> None:
        """Whoever was cut off hears nothing, and its request is done all the same."""
        with suppress(OSError):
            while chunk := await broker.read(1 << 16):
                if to_client.is_closing():
                    self.late_came.set()
                    return
                to_client.write(chunk)
                await to_client.drain()
                heard.set()


@asynccontextmanager
async def way_to_a_broker(home: Path, base: int) -> AsyncIterator[Way]:
    broker = await asyncio.to_thread(cluster, home, base)
    way = Way(base + BROKER)
    server = await asyncio.start_server(way.serve, "127.0.0.1", base + CLIENTS)
    try:
        yield way
    finally:
        server.close()
        under_way = [talk for talk in way.talks if talk]
        for talk in under_way:
            talk.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        broker.stop()


def cluster(home: Path, base: int) -> Part:
    nodes = kafka.Cluster(home, base)
    listeners = ("--listen", str(base + BROKER), "--advertise", str(base + CLIENTS))
    one = Part("kafka", ["-m", "tests.faults.broker", *nodes.command(0)[2:], *listeners], home)
    one.start()
    kafka.wait_until_ready(nodes, one.still_wanted)
    admin = AdminClient({"bootstrap.servers": nodes.bootstrap})
    for future in admin.create_topics([NewTopic("svc.position.v1", 1), NewTopic("out", 1)]).values():
        future.result()
    return one


async def test_a_transaction_is_not_ended_by_the_end_of_the_one_before(stack: Stack, database: str, tmp_path: Path) -> None:
    base = free_port_base()
    async with bench(stack, database), way_to_a_broker(tmp_path, base) as way:
        pool = await open_pool(database, 3)
        await LaneStore(pool).claim([LANE], {"in": "id-1"})
        publisher = Publisher(OUTSIDE, f"127.0.0.1:{base + CLIENTS}", "svc", LANE, "here")
        relay = Relay(LANE, publisher, OutboxStore(pool), Threads("relay", 4), OUTSIDE.chance)
        running = asyncio.create_task(relay.run())
        for value in (b"1", b"2", b"3"):
            numbered = await BatchStore(pool).commit(Batch([Fence(LANE, 0, 0, 1)], publications=[Publication(LANE, "out", b"k", value, packed([]))]))
            relay.offer(numbered[LANE])
            await asyncio.wait_for(relay.drained.wait(), 60)
        running.cancel()
        await pool.close()
        assert way.late_came.is_set()
        found = await asyncio.to_thread(lambda: [m.value() for m in committed(f"127.0.0.1:{base + kafka.BROKER_OFFSET}", "out")])
        assert found == [b"1", b"2", b"3"]
