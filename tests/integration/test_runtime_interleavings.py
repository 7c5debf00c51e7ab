"""Interleavings that lose or double something unless a guard stands in their way, each forced on the real parts."""

import time
import uuid

import asyncpg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.runtime import lanes as bookkeeping
from shared.runtime.outside import OUTSIDE
from shared.runtime.positions import Publisher
from shared.runtime.records import packed
from shared.store.batches import BatchStore
from shared.store.effects import EffectStore
from shared.store.pool import open_pool
from shared.store.rows import Batch, EffectChange, InboxRow, Lane, OutboxRow
from shared.wire.registry import RegistryAway
from tests.integration.test_runtime import running, settled, until
from tests.support.service import Bench, account, bench
from tests.support.stack import Stack

SUSPECTED = "insert into lane (topic, part, claims) select $1, p, 5 from generate_series(0, 2) p"


async def journalled(service: Bench) -> int:
    return int((await service.fetch("select count(*) as n from journal"))[0]["n"])


async def test_another_lanes_open_transaction_does_not_hide_a_lanes_own_position(stack: Stack) -> None:
    name = f"svc{uuid.uuid4().hex[:6]}"
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    for future in admin.create_topics([NewTopic(f"{name}.position.v1", 1), NewTopic(f"{name}.out", 1)]).values():
        future.result()
    ours, other = (Publisher(OUTSIDE, stack.bootstrap, name, (lane, 0), "here") for lane in ("ours", "other"))
    assert ours.open() == 0
    other.open()
    rows = [OutboxRow(i, f"{name}.out", b"k", b"v", packed([])) for i in range(1, 6)]
    ours.publish(rows[:2])
    assert other.producer is not None
    other.producer.begin_transaction()  # and then its process dies: the coordinator ends the transaction when it times out
    other.producer.produce(other.topic, b"{}", key=other.key, partition=0)
    other.producer.flush(10)
    ours.publish(rows[2:])
    assert Publisher(OUTSIDE, stack.bootstrap, name, ("ours", 0), "here").open() == 5


async def test_care_that_ends_within_a_batch_loses_nothing(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "CAREFUL_RECORDS", 3)
    async with bench(stack, database) as service:
        service.send(*(("A", account("A", f"{i}")) for i in range(10)))
        await service.fetch(SUSPECTED, service.source)
        async with running(service):
            await until(settled(service, 10))
        assert await journalled(service) == 10


async def test_an_absent_registry_puts_nothing_aside(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "good")))
        await service.fetch(SUSPECTED, service.source)
        real, tries = service.codec.decode, iter(range(5))

        def away_at_first(value: bytes, expected: type) -> object:
            if next(tries, None) is not None:
                raise RegistryAway("no answer")
            return real(value, expected)

        monkeypatch.setattr(service.codec, "decode", away_at_first)
        async with running(service):
            await until(settled(service, 1))
        assert await service.fetch("select code from dead_letter") == []


async def test_a_read_that_waited_behind_a_rewind_is_not_taken_for_the_new_claims(
    stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(stack, database, batch_records=10) as service:
        service.send(*(("A", account("A", f"{i}")) for i in range(200)))
        async with running(service) as (engine, _):
            due, commit, committed = engine.store.due, engine.store.commit, iter(("first", "second"))

            async def keep_the_reader_busy(lanes: list[Lane], limit: int) -> list[InboxRow]:
                assert engine.reader is not None
                if engine.processed:
                    engine.reader.thread.submit(lambda: time.sleep(0.05))
                return await due(lanes, limit)

            async def fail_once(batch: Batch) -> object:
                if engine.processed and next(committed, None):
                    raise asyncpg.InterfaceError("connection is closed")
                return await commit(batch)

            monkeypatch.setattr(engine.store, "due", keep_the_reader_busy)
            monkeypatch.setattr(engine.store, "commit", fail_once)
            await until(settled(service, 200))
        assert await journalled(service) == 200


async def test_what_a_commit_wrote_whose_answer_was_lost_is_published(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "a")))
        async with running(service) as (engine, _):
            commit, answers = engine.store.commit, iter(("lost",))

            async def lose_the_answer(batch: Batch) -> object:
                numbered = await commit(batch)
                if next(answers, None):
                    raise asyncpg.InterfaceError("connection lost while COMMIT was answered")
                return numbered

            monkeypatch.setattr(engine.store, "commit", lose_the_answer)
            await until(settled(service, 1))
        assert len(service.emitted()) == 1


async def test_what_the_database_refuses_is_put_aside_alone(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A\x00", account("A", "x")), ("B", account("B", "fine")), ("C", account("C", "nul \x00 inside")))
        async with running(service):
            await until(settled(service, 3))
        assert "bad-key" in {r["code"] for r in await service.fetch("select code from dead_letter")}
        assert "B" in {key for key, _ in service.emitted()}


async def test_one_intent_decided_twice_in_a_batch_is_one_call(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        pool = await open_pool(database, 2)
        effect = EffectChange(uuid.uuid4(), ("t", 0), "k", "step", "target", b"{}", None)
        await BatchStore(pool).commit(Batch(effects=[effect, effect]))
        await pool.close()
        assert (await service.fetch("select count(*) as n from effect"))[0]["n"] == 1


async def test_live_calls_go_before_those_of_re_driven_letters_which_have_their_turn_all_the_same(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        pool = await open_pool(database, 2)
        store, effects = BatchStore(pool), EffectStore(pool)

        async def intend(step: str, behind: bool) -> None:
            effect = EffectChange(uuid.uuid4(), ("t", 0), step, step, "target", b"{}", None, behind)
            await store.commit(Batch(effects=[effect]))

        async def next_claimed() -> str:
            return (await effects.claim("target", 60.0, 1))[0].step

        await intend("re-driven long ago", behind=True)
        await service.fetch("update effect set due = due - interval '1 hour', turn = turn - interval '1 hour'")
        await intend("re-driven", behind=True)
        await intend("live", behind=False)
        assert [await next_claimed() for _ in range(3)] == ["re-driven long ago", "live", "re-driven"]
        await pool.close()


async def test_a_record_of_the_largest_size_can_be_a_dead_letter(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        producer = Producer({"bootstrap.servers": stack.bootstrap, "message.max.bytes": 1_048_588})
        producer.produce(service.source, b"\x01" * 999_950, key="A")
        assert producer.flush(10) == 0
        async with running(service):
            await until(settled(service, 1))
        ((_, _, value),) = service.published(service.dead_letters)
        assert len(value) == 999_950
