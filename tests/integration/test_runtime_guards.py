"""What must stop a lane does stop it: another owner, a database of another time, a topic made anew, a record that kills its reader."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.runtime import owning
from shared.runtime.engine import Engine
from shared.runtime.owning import DatabaseChanged, LaneLost
from shared.runtime.resuming import follow_topic
from shared.store.batches import BatchStore
from shared.store.lanes import LaneStore
from shared.store.resuming import Signed
from shared.store.rows import Batch, Lane, OutboxRow
from tests.integration.test_runtime import running, settled, until
from tests.support.service import PARTITIONS, Bench, account, bench
from tests.support.stack import Stack


async def test_a_process_whose_lane_was_claimed_by_another_ends_without_writing(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:

        async def lose_the_lane() -> None:
            async with running(service) as (engine, _):

                async def ended() -> bool:
                    return engine.closed

                await until(settled(service, 1))
                await service.fetch("update lane set epoch = epoch + 1")
                service.send(("A", account("A", "second")))
                await until(ended)

        service.send(("A", account("A", "first")))
        with pytest.raises(LaneLost, match="claimed by another process"):
            await lose_the_lane()
        assert (await service.fetch("select count(*) as n from journal"))[0]["n"] == 1


async def test_a_process_that_outlives_a_restore_ends_before_it_gives_a_number_out_twice(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:

        async def be_restored() -> None:
            async with running(service) as (engine, _):

                async def ended() -> bool:
                    return engine.closed

                await until(settled(service, 3))
                await service.fetch("update incarnation set id = gen_random_uuid()")
                await service.fetch("update lane set next = 0, head = 0")
                await service.fetch("delete from journal_page")
                await service.fetch("delete from state")
                service.send(("A", account("A", "after")))
                await until(ended)

        service.send(*(("A", account("A", f"{i}")) for i in range(3)))
        with pytest.raises(DatabaseChanged, match="at the start"):
            await be_restored()
        assert (await service.fetch("select count(*) as n from journal"))[0]["n"] == 0


async def test_lanes_that_could_not_be_claimed_when_they_were_given_are_claimed_later(
    stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group says only once whose they are."""
    away, claim = [True], LaneStore.claim

    async def claimed(store: LaneStore, *what: Any) -> Any:
        if away[0]:
            raise ConnectionRefusedError("the database is away")
        return await claim(store, *what)

    monkeypatch.setattr(LaneStore, "claim", claimed)
    monkeypatch.setattr(owning, "CLAIM_TRIES", 2)
    async with bench(stack, database) as service, running(service) as (engine, _):

        async def given_up() -> bool:
            return engine.reader is not None and len(engine.reader.unclaimed) == PARTITIONS

        service.send(("A", account("A", "first")))
        await until(given_up)
        away[0] = False
        await until(settled(service, 1))
        assert engine.reader is not None
        assert not engine.reader.unclaimed


async def test_whoever_asks_how_it_is_holds_up_no_claim(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client answers one call at a time, and the reader's own call waits for the claim."""
    begun, asked, claim = asyncio.Event(), asyncio.Event(), LaneStore.claim

    async def claimed(store: LaneStore, *what: Any) -> Any:
        begun.set()
        await asked.wait()
        return await claim(store, *what)

    monkeypatch.setattr(LaneStore, "claim", claimed)
    async with bench(stack, database) as service, running(service) as (engine, _):
        service.send(("A", account("A", "first")))
        await begun.wait()
        assert engine.reader is not None
        assert set(engine.reader.ends([(service.source, part) for part in range(PARTITIONS)]).values()) == {None}
        asked.set()
        await until(settled(service, 1))
        ends = engine.reader.ends([(service.source, part) for part in range(PARTITIONS)])
        assert sum(end or 0 for end in ends.values()) == 1


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        ("update lane set head = 0", "ahead of the lane's head"),
        ("update incarnation set id = gen_random_uuid()", "another database"),
    ],
)
async def test_a_lane_whose_position_contradicts_the_database_halts_for_good(stack: Stack, database: str, tamper: str, reason: str) -> None:
    async with bench(stack, database) as service:
        service.send(*(("A", account("A", f"{i}")) for i in range(5)))
        async with running(service):
            await until(settled(service, 5))
        await service.fetch(tamper)
        service.send(("A", account("A", "after")))
        async with running(service) as (engine, _):

            async def given_up() -> bool:
                return bool(engine.relays.halted) and not engine.relays.halted.keys() & set(engine.lanes.names)

            await until(given_up)
            assert reason in next(iter(engine.owning.halts.values()))
            service.send(("A", account("A", "too late")), *((f"B{i}", account(f"B{i}", "of some lane")) for i in range(9)))

            async def others_go_on() -> bool:
                return bool(await service.fetch("select from journal where key like 'account:B%'"))

            await until(others_go_on)
        assert (await service.fetch("select count(*) as n from journal where key = 'account:A'"))[0]["n"] == 6
        assert not [m for _, m in service.emitted() if m.name in ("after", "too late")]


async def make_anew(service: Bench) -> None:
    """Deleted and made again as soon as Kafka allows, so that nobody sees it gone."""
    admin = AdminClient({"bootstrap.servers": service.stack.bootstrap})
    await asyncio.wrap_future(admin.delete_topics([service.source])[service.source])

    async def made() -> bool:
        try:
            await asyncio.wrap_future(admin.create_topics([NewTopic(service.source, PARTITIONS)])[service.source])
        except KafkaException:
            return False
        return True

    await until(made)


def halted(engine: Engine, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(engine.owning.halts) >= count

    return check


@pytest.mark.parametrize("new", [60, 5], ids=["longer than it was read", "shorter"])
async def test_a_lane_whose_topic_was_made_anew_halts_when_it_is_claimed_and_goes_on_once_somebody_has_decided(
    stack: Stack, database: str, new: int
) -> None:
    async with bench(stack, database) as service:
        service.send(*(("A", account("A", f"old {i}")) for i in range(20)))
        async with running(service):
            await until(settled(service, 20))
        await make_anew(service)
        service.send(*(("A", account("A", f"new {i}")) for i in range(new)))
        async with running(service) as (engine, _):
            await until(halted(engine, PARTITIONS))
            assert all("made anew" in why for why in engine.owning.halts.values())
        assert (await service.fetch("select count(*) as n from journal"))[0]["n"] == 20
        await follow_topic(service.runtime_settings(), service.source, True, Signed("ann@desk", "it is meant to be read"))
        async with running(service):
            await until(settled(service, 20 + new))


async def test_a_lane_whose_topic_is_made_anew_under_a_running_reader_takes_nothing_from_it(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(*(("A", account("A", f"old {i}")) for i in range(20)))
        async with running(service) as (engine, _):
            await until(settled(service, 20))

            async def paused() -> bool:
                return engine.reader is not None and engine.reader.paused

            engine.backlog = lambda: service.runtime_settings().open_effects_limit  # so that the reader meets the new topic once it is long
            await until(paused)
            await make_anew(service)
            service.send(*(("A", account("A", f"new {i}")) for i in range(60)))
            engine.backlog = lambda: 0
            await until(halted(engine, 1))
        assert [r["n"] for r in await service.fetch("select count(*) as n from journal")] == [20]
        assert [r["next"] for r in await service.fetch("select next from lane where next > 0")] == [20]


async def test_a_record_that_ended_the_process_twice_is_put_aside_undecoded(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "kills")), ("B", account("B", "fine")))
        async with running(service) as (engine, _):
            await until(settled(service, 2))
            claim = next(claim for claim in engine.lanes if claim.next)
        await service.fetch("delete from journal_page")
        await service.fetch("update lane set next = 0, claims = 5, suspect = 0, deaths = 2 where topic = $1 and part = $2", *claim.lane)
        async with running(service):
            await until(settled(service, 1))
        assert [r["code"] for r in await service.fetch("select code from dead_letter")] == ["poison"]
        assert (await service.fetch("select suspect, deaths, claims from lane where part = $1", claim.lane[1]))[0]["suspect"] is None


async def test_a_stop_between_noting_a_record_and_its_commit_is_no_death(stack: Stack, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "first")))
        async with running(service):
            await until(settled(service, 1))
        await service.fetch("update lane set claims = 5")
        service.send(("A", account("A", "second")))
        tried = 0

        async def away(self: BatchStore, batch: Batch) -> dict[Lane, list[OutboxRow]]:
            nonlocal tried
            tried += bool(batch.journal)
            raise OSError("the database is away")

        async def tried_again() -> bool:
            return tried > stops

        for stops in range(3):
            with monkeypatch.context() as patch:
                patch.setattr(BatchStore, "commit", away)
                async with running(service):
                    await until(tried_again)
            tried = stops + 1
            assert {(r["suspect"], r["deaths"]) for r in await service.fetch("select suspect, deaths from lane")} == {(None, 0)}
        async with running(service):
            await until(settled(service, 2))
        assert await service.fetch("select code from dead_letter") == []
