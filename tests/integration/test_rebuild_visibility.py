"""Rebuilding the projection on real Kafka and PostgreSQL while it serves: whole, unnoticed, and harmless when it is cut off."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from services.visibility.adapters.projection import project
from services.visibility.adapters.rebuilding import rebuild
from services.visibility.app import ROUTES
from services.visibility.domain.status import Tracked
from shared.messages.base import Message
from shared.messages.workflow import KpiWindow
from shared.ops import schemas, topics
from shared.ops.database import ensure
from shared.runtime.decision import Decision, Service
from shared.runtime.engine import Engine
from shared.runtime.main import parts_of
from shared.runtime.settings import RuntimeSettings
from shared.store.letters import Asked, LetterStore
from shared.store.pool import open_pool
from shared.store.shadow import ShadowError
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.integration.test_runtime import until
from tests.support.stack import Stack, free_port_base
from tests.unit.visibility.figures import told_breach, told_window
from tests.unit.visibility.stories import CONTRACT_TOPIC, agreed, whole_way

SERVICE = Service(name="visibility", routes=ROUTES, states=dict.fromkeys(("contract", "letter", "kpi", "sla"), Tracked), project=project)
CONTENT = ("contract", "transition", "agreement", "engagement", "open_wait")


@dataclass
class Room:
    """Visibility's tables in a database of their own, and the topics of the whole session."""

    stack: Stack
    settings: RuntimeSettings
    codec: Codec

    @property
    def dsn(self) -> str:
        return self.settings.postgres.get_secret_value()

    def send(self, messages: Iterable[tuple[str, Message]]) -> None:
        producer = Producer({"bootstrap.servers": self.stack.bootstrap, "enable.idempotence": True})
        for topic, message in messages:
            key = message.business_unit if isinstance(message, KpiWindow) else message.contract_id  # type: ignore[attr-defined]
            producer.produce(topic, self.codec.encode(message, topic), key=key)
        assert producer.flush(30) == 0

    def spoil(self, topic: str, key: str) -> None:
        """A record that nobody can read."""
        producer = Producer({"bootstrap.servers": self.stack.bootstrap, "enable.idempotence": True})
        producer.produce(topic, b"\x00\x00\x00\x00\x07junk", key=key)
        assert producer.flush(30) == 0

    async def discard(self) -> int:
        async with await open_pool(self.dsn, 1) as pool:
            letters = LetterStore(pool)
            return await letters.discard(await letters.page(Asked(), 0, 100), "ann", "junk")

    async def fetch(self, query: str) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [tuple(row.values()) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def content(self) -> dict[str, list[Any]]:
        return {table: await self.fetch(f"select to_jsonb(t)::text from {table} t order by 1") for table in CONTENT}

    async def counts(self, table: str, rows: int) -> bool:
        return await self.fetch(f"select count(*) from {table}") == [(rows,)]

    async def active(self, names: Sequence[str]) -> bool:
        found = await self.fetch("select contract_id from contract where active_at is not null")
        return set(names) <= {name for (name,) in found}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        pool = await open_pool(self.dsn, 4)
        engine = Engine(SERVICE, self.settings, parts_of(SERVICE, self.settings, pool), self.codec)
        task = asyncio.create_task(engine.run())
        try:
            yield engine
        finally:
            engine.stop()
            await task
            await pool.close()

    def start(self) -> "subprocess.Popen[bytes]":
        """The command as the tools start it."""
        told = {"KAFKA": self.settings.kafka, "POSTGRES": self.dsn, "REGISTRY": self.settings.registry, "OPS_PORT": "1"}
        environment = {**os.environ, **{f"THROUGHLINE_{name}": value for name, value in told.items()}}
        command = [sys.executable, "-m", "services.visibility", "rebuild"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def forget_positions(bootstrap: str) -> None:
    """Those of the test before contradict this one's database."""
    admin, topic = AdminClient({"bootstrap.servers": bootstrap}), f"{SERVICE.name}.position.v1"
    await asyncio.wrap_future(admin.delete_topics([topic])[topic])

    async def there_again() -> bool:
        with suppress(KafkaException, topics.TopicsError):  # it is still going, or known to some brokers only
            await asyncio.to_thread(topics.apply, bootstrap)
            return not topics.plan(bootstrap)
        return False

    await until(there_again)


@pytest.fixture
async def room(stack: Stack, database: str) -> Room:
    await asyncio.to_thread(topics.apply, stack.bootstrap)
    await forget_positions(stack.bootstrap)
    await asyncio.to_thread(schemas.publish, stack.registry)
    await asyncio.to_thread(ensure, database, {"visibility": "secret"})
    dsn = urlsplit(database)
    own = dsn._replace(netloc=f"visibility:secret@{dsn.netloc.rpartition('@')[2]}").geturl()
    told: dict[str, Any] = {"kafka": stack.bootstrap, "postgres": SecretStr(own), "registry": stack.registry, "ops_port": free_port_base()}
    settings = RuntimeSettings(**told, poll_s=0.05, session_timeout_s=6)
    return Room(stack, settings, Codec(Registry(stack.registry)))


def ways(names: Iterable[str]) -> Iterable[tuple[str, Message]]:
    for name in names:
        yield from whole_way(name, 0)


def some(count: int) -> list[str]:
    """Contracts that no other test has."""
    prefix = uuid.uuid4().hex[:6]
    return [f"{prefix}-{i}" for i in range(count)]


async def read_until(room: Room, names: Sequence[str], stop: asyncio.Event) -> int:
    """Look again and again, as open pages do; how often every contract was there. Raises what a reader would meet."""
    looks = 0
    async with await open_pool(room.dsn, 1) as pool:
        while not stop.is_set():
            count = await pool.fetchval("select count(*) from contract where contract_id = any($1::text[])", list(names))
            assert count == len(names)
            looks += 1
            await asyncio.sleep(0.005)
    return looks


async def test_a_damaged_projection_is_whole_again_and_readers_notice_nothing(room: Room) -> None:
    names, later, stop = some(30), some(10), asyncio.Event()
    room.send(ways(names))
    async with room.running() as engine:
        await until(lambda: room.active(names))
        sound = await room.content()
        await room.fetch(f"update contract set title = 'damaged' where contract_id = '{names[0]}'")
        await room.fetch(f"delete from transition where contract_id = '{names[1]}'")
        reading = asyncio.create_task(read_until(room, names, stop))
        found = await rebuild(SERVICE, room.settings)
        assert await room.content() == sound
        counts = {each["table"]: (each["added"], each["gone"], each["changed"]) for each in found["tables"]}
        assert counts["contract"] == (0, 0, 1)
        assert counts["transition"] == (len(list(whole_way(names[1], 0))), 0, 0)
        assert {"path": "title", "before": "damaged", "after": "Payments platform, phase 2"} in found["differences"][0]["fields"]
        room.send(ways(later))
        await until(lambda: room.active(later))
        assert not engine.closed
        stop.set()
        assert await reading > 0
    assert (await rebuild(SERVICE, room.settings))["differences"] == []


async def test_what_arrives_during_the_rebuild_is_taken_once(room: Room) -> None:
    names = some(60)
    room.send(ways(names[:10]))
    async with room.running():
        await until(lambda: room.active(names[:10]))
        rebuilding = asyncio.create_task(rebuild(SERVICE, room.settings))
        for i in range(10, 60, 5):
            await asyncio.to_thread(room.send, ways(names[i : i + 5]))
        await rebuilding
        await until(lambda: room.active(names))
    read = await room.fetch('select topic, part, "offset" from journal where inbox is null')
    assert len(read) == len(set(read))
    live = await room.content()
    assert (await rebuild(SERVICE, room.settings))["differences"] == []
    assert await room.content() == live


async def test_a_rebuild_that_is_killed_leaves_the_old_projection_serving(room: Room) -> None:
    names = some(20)
    room.send(ways(names))
    async with room.running():
        await until(lambda: room.active(names))
        sound = await room.content()
        await room.fetch(f"update contract set title = 'damaged' where contract_id = '{names[0]}'")
        damaged = await room.content()

        async def filled() -> bool:
            """It has built; the swap waits for a reader who stays."""
            return bool(await room.fetch("select 1 from pg_locks where mode = 'AccessExclusiveLock' and not granted"))

        reader = await asyncpg.connect(room.dsn)
        async with reader.transaction():
            await reader.fetch("select 1 from contract")
            process = room.start()
            await until(filled)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.communicate)
        await reader.close()
        assert await room.content() == damaged
        later = some(3)
        room.send(ways(later))
        await until(lambda: room.active(later))
        process = room.start()
        said, trouble = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, trouble.decode()
        assert json.loads(said)["differences"][0]["key"] == names[0]
    kept = {line for lines in sound.values() for line in lines}
    assert kept <= {line for lines in (await room.content()).values() for line in lines}


async def test_a_decider_that_refuses_old_records_is_not_swapped_in(room: Room) -> None:
    names = some(3)
    room.send(ways(names))

    def refuses(state: object, event: object, known: object, now: object) -> Decision:
        raise RuntimeError("the new decider has a bug")

    routes = tuple(replace(route, decide=refuses) if route.topic == CONTRACT_TOPIC else route for route in ROUTES)
    async with room.running():
        await until(lambda: room.active(names))
        before = await room.content()
        with pytest.raises(ShadowError, match="refused now"):
            await rebuild(replace(SERVICE, routes=routes), room.settings)
        assert await room.content() == before


async def test_contracts_older_than_the_topics_keep_what_they_had(room: Room) -> None:
    names = some(8)
    room.send(ways(names))
    async with room.running():
        await until(lambda: room.active(names))
    before = await room.content()
    lanes = await room.fetch(f"select topic, part, next from lane where topic = '{CONTRACT_TOPIC}'")
    admin = AdminClient({"bootstrap.servers": room.stack.bootstrap})
    for deleting in admin.delete_records([TopicPartition(*lane) for lane in lanes]).values():
        await asyncio.to_thread(deleting.result, 30)
    found = await rebuild(SERVICE, room.settings)
    assert found["kept"] >= len(names)
    assert await room.content() == before
    async with room.running():
        room.send([(CONTRACT_TOPIC, agreed(names[0], 100, title="Payments platform, phase 3"))])

        async def retitled() -> bool:
            return (names[0], "Payments platform, phase 3") in await room.fetch("select contract_id, title from contract")

        await until(retitled)


async def test_what_was_stopped_by_a_letter_that_was_discarded_stays_as_it_is(room: Room) -> None:
    names, unit = some(3), uuid.uuid4().hex[:6]
    figures = "select stage, business_unit from kpi_window union all select stage, contract_id from sla_breach order by 1, 2"
    async with room.running():
        for topic, key in ((CONTRACT_TOPIC, names[0]), ("kpi.window.v1", unit), ("sla.breach.v1", names[1])):
            room.spoil(topic, key)
        await until(lambda: room.counts("dead_letter", 3))
        room.send([*ways(names), ("kpi.window.v1", told_window(unit)), ("sla.breach.v1", told_breach(names[1]))])
        await until(lambda: room.counts("held", len(list(whole_way(names[0], 0))) + 2))
        assert await room.discard() == 3
        await until(lambda: room.active(names))
        await until(lambda: room.counts("held", 0))
        before, shown = await room.content(), await room.fetch(figures)
        assert {(stage, name) for stage, name in shown} >= {("ACTIVE", unit), ("APPROVED", names[1])}
        assert (await rebuild(SERVICE, room.settings))["kept"] == 2
        assert (await room.content(), await room.fetch(figures)) == (before, shown)
        room.send([(CONTRACT_TOPIC, agreed(names[0], 100, title="Payments platform, phase 3"))])

        async def retitled() -> bool:
            return (names[0], "Payments platform, phase 3") in await room.fetch("select contract_id, title from contract")

        await until(retitled)
