"""Halted lanes go on as a person has said: nothing is missing then, no number is given out twice, and who said it is kept."""

import asyncio
import json
from collections import Counter

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from shared.runtime.consumer import OffsetGone
from shared.runtime.engine import Engine
from shared.runtime.resume_command import lanes
from shared.runtime.resuming import Undecided, follow_database, follow_topic
from shared.store.pool import open_pool
from shared.store.resuming import ResumeStore, Signed
from tests.integration.test_runtime import running, settled, until
from tests.integration.test_runtime_guards import halted, make_anew
from tests.support.redriving import desk
from tests.support.service import PARTITIONS, Bench, account, bench
from tests.support.stack import Stack

ANN = Signed("ann@desk", "TICKET-7")
TABLES = "select tablename from pg_tables where schemaname = current_schema()"


def send(service: Bench, *names: str) -> None:
    service.send(*((name, account(name, name)) for name in names))


async def work(service: Bench, records: int) -> None:
    async with running(service):
        await until(settled(service, records))


async def halt(service: Bench) -> Engine:
    async with running(service) as (engine, _):
        await until(halted(engine, 1))
        return engine


async def keep(service: Bench) -> None:
    """A copy of all tables."""
    await service.fetch("create schema kept")
    for row in await service.fetch(TABLES):
        await service.fetch(f"create table kept.{row[0]} as table {row[0]}")


async def set_back(service: Bench) -> None:
    """As a restore does: everything is as it was kept, on another timeline."""
    for row in await service.fetch(TABLES):
        await service.fetch(f"truncate {row[0]} cascade")
    for row in await service.fetch(TABLES):
        await service.fetch(f"insert into {row[0]} overriding system value table kept.{row[0]}")
    await service.fetch("drop schema kept cascade")
    await promote(service)


async def promote(service: Bench) -> None:
    await service.fetch("update incarnation set id = gen_random_uuid()")


def numbers_twice(service: Bench) -> list[tuple[bytes, bytes]]:
    seen = Counter((headers["throughline-lane"], headers["throughline-seq"]) for _, headers, _ in service.published(service.output))
    return [place for place, count in seen.items() if count > 1]


async def test_after_a_failover_that_lost_nothing_everything_is_published_once(
    stack: Stack, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bench(stack, database) as service:
        send(service, *(f"A{n}" for n in range(9)))
        await work(service, 9)
        await promote(service)
        send(service, *(f"B{n}" for n in range(9)))
        await halt(service)
        words = ["follow-database", "--lost", "nothing", "--who", ANN.who, "--why", ANN.why]
        capsys.readouterr()
        assert await asyncio.to_thread(lanes, service.service(), service.runtime_settings(), words) == 0
        assert {each["numbers moved by"] for each in json.loads(capsys.readouterr().out)["lanes"]} == {0}
        await work(service, 18)
        assert sorted(key for key, _ in service.emitted()) == sorted([*(f"A{n}" for n in range(9)), *(f"B{n}" for n in range(9))])
        assert not numbers_twice(service)
        audit = await service.fetch("select who, why, what from audit")
        assert {tuple(row.values()) for row in audit} == {("ann@desk", "TICKET-7", "followed the database")}
        assert await follow_database(service.name, service.runtime_settings(), False, ANN) == [], "nothing contradicts any more"


async def test_after_a_restore_that_lost_commits_nothing_is_missing_and_no_number_stands_twice(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        send(service, *(f"A{n}" for n in range(9)))
        await work(service, 9)
        await keep(service)
        send(service, *(f"B{n}" for n in range(9)))
        await work(service, 18)
        await set_back(service)
        send(service, *(f"C{n}" for n in range(9)))
        await halt(service)
        await follow_database(service.name, service.runtime_settings(), True, ANN)
        await work(service, 27)
        keys = Counter(key for key, _ in service.emitted())
        assert keys.keys() == {f"{letter}{n}" for letter in "ABC" for n in range(9)}
        assert {keys[f"A{n}"] for n in range(9)} == {1}
        assert not numbers_twice(service)


async def test_commits_that_are_gone_are_not_taken_for_nothing(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        send(service, "A")
        await work(service, 1)
        await service.fetch("update lane set head = 0")
        with pytest.raises(Undecided, match="--lost commits"):
            await follow_database(service.name, service.runtime_settings(), False, ANN)
        assert len(await follow_database(service.name, service.runtime_settings(), True, ANN)) == 1
        service.send(("A", account("A", "after")))
        await work(service, 2)
        assert [m.name for _, m in service.emitted()] == ["A", "after"]
        assert not numbers_twice(service)


async def test_no_lane_goes_on_when_one_is_refused(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        send(service, *(f"A{n}" for n in range(9)))
        await work(service, 9)
        await promote(service)
        await service.fetch("update lane set head = 0 where part = (select max(part) from lane where head > 0)")
        with pytest.raises(Undecided):
            await follow_database(service.name, service.runtime_settings(), False, ANN)
        assert await service.fetch("select from audit") == []
        lanes_moved = await follow_database(service.name, service.runtime_settings(), True, ANN)
        assert len(lanes_moved) == len(await service.fetch("select from lane where next > 0")) > 1


async def test_numbers_that_move_move_wherever_they_are_named(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        await service.fetch("insert into lane (topic, part, epoch, head) values ('in.v1', 0, 1, 6), ('other.v1', 1, 1, 1)")
        page = "insert into outbox_page (topic, part, first, last, target, key, value, headers, upto, behind) values"
        none = "array['t', 't'], array['k', 'k']::bytea[], array['v', 'v']::bytea[], array['h', 'h']::bytea[]"
        await service.fetch(f"{page} ('in.v1', 0, 3, 4, {none}, 3, null), ('in.v1', 0, 5, 6, {none}, null, null)")
        await service.fetch(f"{page} ('other.v1', 1, 1, 2, {none}, null, array['in.v1/0:5', null])")
        await service.fetch("insert into state (key, version, body, told) values ('a', 1, '', 'in.v1/0:2'), ('b', 1, '', 'in.v1/0:6')")
        async with await open_pool(service.dsn, 2) as pool:
            assert await ResumeStore(pool).renumber(("in.v1", 0), 4, True, ANN) == 2
            assert await ResumeStore(pool).renumber(("in.v1", 0), 4, True, ANN) == 0, "said again it changes nothing"
        pages = await service.fetch("select first, last, upto, behind from outbox_page order by topic, first")
        assert [tuple(row.values()) for row in pages] == [(5, 6, None, None), (7, 8, None, None), (1, 2, None, ["in.v1/0:7", None])]
        assert [row["told"] for row in await service.fetch("select told from state order by key")] == ["in.v1/0:2", "in.v1/0:8"]
        assert [row["head"] for row in await service.fetch("select head from lane order by topic")] == [8, 1]


async def test_an_offset_that_the_log_has_not_reached_is_not_gone_on_from(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        send(service, "A")
        await work(service, 1)
        await service.fetch("update lane set next = 1000 where next > 0")
        await service.fetch("insert into lane (topic, part, epoch) values ($1, 99, 1)", service.source)
        with pytest.raises(Undecided, match="1000 is to be read next"):
            await follow_topic(service.runtime_settings(), service.source, False, ANN)
        found = await follow_topic(service.runtime_settings(), service.source, True, ANN)
        assert {each["goes on at"] for each in found} == {0, "no partition any more"}
        service.send(("A", account("A", "again")))
        await work(service, 3)
        assert [m.name for _, m in service.emitted()] == ["A", "again"]


async def test_a_topic_made_anew_is_read_from_its_beginning_once_no_letter_of_the_old_one_stands(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")), ("A", account("A", "held")), ("B", account("B", "old")))
        await work(service, 3)
        await make_anew(service)
        send(service, "C", "D")
        await halt(service)
        with pytest.raises(Undecided, match="2 dead letters and held records"):
            await follow_topic(service.runtime_settings(), service.source, True, ANN)
        async with desk(service) as asked:
            assert await asyncio.to_thread(asked.discard, None, "A", "its topic is gone", lambda done, total: None) == 1
        found = await follow_topic(service.runtime_settings(), service.source, True, ANN)
        assert {each["goes on at"] for each in found} == {0}
        await work(service, 6)
        assert sorted(m.name for _, m in service.emitted()) == ["C", "D", "held", "old"]


async def test_records_that_retention_took_away_are_stepped_over_when_somebody_says_so(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:

        async def meet_the_gap() -> None:
            async with running(service) as (engine, _):

                async def ended() -> bool:
                    return engine.closed

                await until(ended)

        send(service, *(f"A{n}" for n in range(9)))
        await work(service, 9)
        send(service, *(f"B{n}" for n in range(9)))
        await take_away(service)
        with pytest.raises(OffsetGone):
            await meet_the_gap()
        with pytest.raises(Undecided, match="--from beginning"):
            await follow_topic(service.runtime_settings(), service.source, False, ANN)
        assert await follow_topic(service.runtime_settings(), service.source, True, ANN)
        send(service, *(f"C{n}" for n in range(9)))
        await work(service, 18)
        assert {key[0] for key, _ in service.emitted()} == {"A", "C"}


async def take_away(service: Bench) -> None:
    """All records that the source holds."""
    consumer = Consumer({"bootstrap.servers": service.stack.bootstrap, "group.id": "look"})
    places = [TopicPartition(service.source, part) for part in range(PARTITIONS)]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, 10)[1]
    consumer.close()
    admin = AdminClient({"bootstrap.servers": service.stack.bootstrap})
    await asyncio.gather(*(asyncio.wrap_future(each) for each in admin.delete_records(places).values()))
