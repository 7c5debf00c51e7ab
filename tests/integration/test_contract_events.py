"""The service as it is run, on real Kafka and PostgreSQL: through its door in, `contract.state.v1` out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from pydantic import SecretStr

from services.contract_events.adapters.outlet import KafkaOutlet
from services.contract_events.app import build
from services.contract_events.ports import OutletAway
from services.contract_events.settings import Settings
from services.contract_events.web.items import contract_parcel
from shared.messages.contract import ContractState
from shared.messages.source import SourceContract
from shared.ops.door import Door
from shared.ops.mappings_topic import current
from shared.ops.prepare import prepare
from shared.runtime.engine import Engine
from shared.runtime.main import Runtime, parts_of
from shared.runtime.settings import RuntimeSettings
from shared.store.pool import open_pool
from shared.wire import catalogue
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.support.stack import Stack
from tests.unit.contract_events.doors import Kept, OpenDoor, free_port
from tests.unit.contract_events.test_hooks import envelope, signature
from tests.unit.contract_events.test_intake import CONTRACT, MAPPING, REPORT

TOKEN, KEY = "token-of-this-test", "connect-key"
SOURCE, STATE, DEAD = "source.clm.contract.v1", "contract.state.v1", "contract_events.dlt.v1"
PASSWORD = "only-for-this-test"


@dataclass
class Running:
    stack: Stack
    codec: Codec
    door: Door

    def records(self, topic: str) -> list[tuple[str, dict[str, bytes], bytes]]:
        """Every committed record of a topic: key, headers, value."""
        options = {"bootstrap.servers": self.stack.bootstrap, "group.id": "look", "isolation.level": "read_committed", "enable.partition.eof": True}
        consumer = Consumer(options)
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        found: list[tuple[str, dict[str, bytes], bytes]] = []
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(500, 0.2):
                if message.error():
                    ended.add(message.partition())
                else:
                    headers = {str(pair[0]): pair[1] for pair in message.headers() or [] if isinstance(pair[1], bytes)}
                    found.append(((message.key() or b"").decode(), headers, message.value() or b""))
        consumer.close()
        return found

    def states(self, contract_id: str) -> list[ContractState]:
        return [self.codec.decode(value, ContractState) for key, _, value in self.records(STATE) if key == contract_id]

    async def reached(self, contract_id: str, status: str) -> ContractState:
        async with asyncio.timeout(60):
            while True:
                states = await asyncio.to_thread(self.states, contract_id)
                if states and states[-1].contract.status.value == status:
                    return states[-1]
                await asyncio.sleep(0.1)

    async def buried(self, key: str) -> dict[str, bytes]:
        async with asyncio.timeout(60):
            while True:
                found = [headers for k, headers, _ in await asyncio.to_thread(self.records, DEAD) if k == key]
                if found:
                    return found[0]
                await asyncio.sleep(0.1)

    async def intake(self, kind: str, *lines: dict[str, Any]) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.door.send, kind, [json.dumps(line).encode() for line in lines])


@pytest.fixture(scope="module")
async def running(stack: Stack) -> AsyncIterator[Running]:
    """One service for all tests of this file: its topics remember the database that they belong to."""
    async with made_database(stack) as database:
        names = catalogue.load().services
        await asyncio.to_thread(prepare, database, stack.bootstrap, stack.registry, dict.fromkeys(names, PASSWORD))
        dsn = f"postgresql://contract_events:{PASSWORD}@{database.partition('@')[2]}"
        told: dict[str, Any] = {"kafka": stack.bootstrap, "postgres": SecretStr(dsn), "registry": stack.registry, "ops_port": free_port()}
        runtime_settings = RuntimeSettings(**told, poll_s=0.05, session_timeout_s=6)
        settings = Settings(runtime=runtime_settings, port=free_port(), door_token=SecretStr(TOKEN), docusign_keys=(SecretStr(KEY),))
        async with served(settings, dsn) as codec:
            yield Running(stack, codec, Door(f"http://127.0.0.1:{settings.port}", TOKEN))


@asynccontextmanager
async def served(settings: Settings, dsn: str) -> AsyncIterator[Codec]:
    service, pool = build(settings), await open_pool(dsn, 4)
    runtime = Runtime(service, settings.runtime, pool, Codec(Registry(settings.runtime.registry)))
    engine = Engine(service, settings.runtime, parts_of(service, settings.runtime, pool), runtime.codec)
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(service.companions[0](runtime))]
    try:
        yield runtime.codec
    finally:
        runtime.stopping.set()
        engine.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
        await pool.close()


@asynccontextmanager
async def made_database(stack: Stack) -> AsyncIterator[str]:
    admin = await asyncpg.connect(stack.dsn)
    try:
        await admin.execute("create database contract_events_test")
        yield stack.dsn_of("contract_events_test")
        await admin.execute("drop database contract_events_test with (force)")
    finally:
        await admin.close()


def about(contract_id: str, **what: Any) -> dict[str, Any]:
    return REPORT | {"contract_id": contract_id, "contract": CONTRACT | {"contract_id": contract_id} | what}


async def test_a_contract_goes_from_the_door_to_its_state_and_on_when_it_is_signed(running: Running) -> None:
    await running.intake("clm", about("C-1", contract_type="MSA"))
    waiting = await running.reached("C-1", "IN_APPROVAL")
    assert [wait.key for wait in waiting.waits] == ["approval:C-1/legal"]
    for retry in (0, 1):  # the vendor sends it twice
        body = envelope(retry=retry)
        headers = {"X-DocuSign-Signature-1": signature(body, KEY)}
        assert await _hook(running, body, headers) == 200
    assert (await running.reached("C-1", "APPROVED")).waits == ()
    assert len(running.states("C-1")) == 2
    ids = [running.codec.decode(value, SourceContract).event_id for key, _, value in running.records(SOURCE) if key == "C-1"]
    assert (len(ids), len(set(ids))) == (3, 2)
    traces = {headers["traceparent"][:35] for key, headers, _ in running.records(SOURCE) if key == "C-1"}
    assert traces == {headers["traceparent"][:35] for key, headers, _ in running.records(STATE) if key == "C-1"}


async def test_wrong_reports_are_dead_letters_with_their_codes_and_hold_up_nobody_else(running: Running) -> None:
    wrong = {
        "unknown-currency": about("W-1", currency="XXQ", total_value={"amount": 1, "currency": "XXQ"}),
        "negative-amount": about("W-2", total_value={"amount": -1, "currency": "EUR"}),
        "end-before-start": about("W-3", end_date="2020-01-01"),
        "amount-too-fine": about("W-4", total_value={"amount": "1.005", "currency": "EUR"}),
    }
    answers = await running.intake("clm", *wrong.values(), about("C-2"))
    assert {answer["outcome"] for answer in answers} == {"taken"}
    for code, report in wrong.items():
        assert (await running.buried(report["contract_id"]))["throughline-cause"].decode() == code
    await running.reached("C-2", "IN_APPROVAL")


async def test_bytes_that_do_not_decode_are_a_dead_letter_of_their_key(running: Running) -> None:
    producer = Producer({"bootstrap.servers": running.stack.bootstrap})
    producer.produce(SOURCE, b"\x00\x7f\xff\xff\xffnobody knows this schema", key="P-1")
    assert producer.flush(30) == 0
    assert (await running.buried("P-1"))["throughline-cause"] == b"unknown-schema-id"


async def test_a_change_order_of_an_unknown_contract_waits_until_the_contract_comes(running: Running) -> None:
    delta = {"amount": "4.50", "currency": "EUR"}
    order = {"amendment_id": "A1", "effective_date": "2026-02-01", "summary": "more", "value_delta": delta}
    at = "2026-02-01T00:00:00Z"
    await running.intake("clm", {"occurred_at": at, "source": "clm", "contract_id": "C-3", "kind": "AMENDMENT", "amendment": order})
    await running.intake("clm", about("C-3"))
    state = await running.reached("C-3", "IN_APPROVAL")
    assert [(revision.kind.value, str(revision.value.amount)) for revision in state.lineage] == [("BASE", "10.5000"), ("AMENDMENT", "15.0000")]


async def test_mappings_that_were_loaded_are_those_that_stand(running: Running) -> None:
    later = MAPPING | {"occurred_at": "2026-03-01T00:00:00Z", "values": {"tenant": "netsuite-us"}}
    await running.intake("mappings", later, MAPPING)
    (row,) = await asyncio.to_thread(current, running.stack.bootstrap, running.stack.registry)
    assert (row.key, row.values) == ("erp_route:BU-1@emea", {"tenant": "netsuite-us"})


async def test_a_door_without_a_broker_says_so(running: Running) -> None:
    parcel = contract_parcel(json.dumps(about("C-4")).encode())
    lost = KafkaOutlet(f"127.0.0.1:{free_port()}", running.codec, deadline=2)
    with pytest.raises(OutletAway, match="is it up"):
        await lost.send([parcel])
    await lost.close()


async def _hook(running: Running, body: bytes, headers: dict[str, str]) -> int:
    port = int(running.door.url.rpartition(":")[2])
    status, _ = await OpenDoor(port, Kept()).post("/hooks/docusign", body, **headers)
    return status
