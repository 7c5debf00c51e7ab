"""Deciding once more on real Kafka and PostgreSQL: the same code finds no difference, changed code finds its own and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from shared.messages.source import SourceAccount
from shared.runtime.answers import Absent, Done, Exchange, Finding, Reply
from shared.runtime.decision import Allowance, Decision, Emit, Intent, Known, Service, Target
from shared.runtime.events import Received
from shared.runtime.replaying.command import run
from shared.runtime.replaying.comparing import Output, Report
from shared.runtime.replaying.where import Where, read_where
from tests.integration.test_runtime import running, until
from tests.support.redriving import desk
from tests.support.service import Bench, Counted, account, bench
from tests.support.stack import Stack


class Ledger:
    """Opens whatever it is asked to, under a number that only it knows."""

    def __init__(self) -> None:
        self.opened = 0

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        self.opened += 1
        return Reply(Done(f"L-{self.opened}"), Exchange("POST /open", status=201))

    async def look_up(self, intent: Intent) -> Finding:
        return Absent()


@asynccontextmanager
async def worked(stack: Stack, database: str, events: Sequence[tuple[str, SourceAccount]]) -> AsyncIterator[tuple[Bench, Ledger]]:
    """A bench that decided on `events`, and on all that followed from them."""
    ledger = Ledger()
    async with bench(stack, database) as service:
        service.target = lambda name: Target(ledger, Allowance(10))
        service.send(*events)
        async with running(service):
            await until(quiet(service, len(events)))
        yield service, ledger


LEFT = """
select (select count(*) from journal where inbox is null) as read, (select count(*) from outbox) + (select count(*) from inbox)
  + (select count(*) from effect where status in ('open', 'claimed')) as left
"""


def quiet(service: Bench, records: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        row = (await service.fetch(LEFT))[0]
        return bool(row["read"] == records and row["left"] == 0)

    return check


async def replayed(service: Bench, changed: Service | None = None, start: Where | None = None, end: Where | None = None) -> Report:
    outputs = [Output(service.output, SourceAccount)]
    return await run(changed or service.service(), service.runtime_settings(), outputs, start or Where(), end or Where())


def decided_by(service: Bench, change: Any) -> Service:
    """The bench's service with `change(decision, event)` made to what it decides on a record."""
    known = service.service()
    route = known.routes[0]

    def decide(state: Any, event: Received[SourceAccount], seen: Known, now: datetime) -> Decision:
        return change(route.decide(state, event, seen, now), event)  # type: ignore[no-any-return]

    return replace(known, routes=(replace(route, decide=decide),))


def family() -> list[tuple[str, SourceAccount]]:
    """Sixty events of twenty accounts, five of which wait for parents that come last, and one dead letter."""
    events = [(f"A{i % 20}", account(f"A{i % 20}", f"name {i}")) for i in range(60)]
    events += [(f"C{i}", account(f"C{i}", "child", parent_id=f"P{i}")) for i in range(5)]
    return [*events, ("B", account("B", "bad")), *((f"P{i}", account(f"P{i}", "parent")) for i in range(5))]


async def test_the_same_code_finds_no_difference_and_calls_nobody(stack: Stack, database: str) -> None:
    async with worked(stack, database, family()) as (service, ledger):
        before, published = ledger.opened, len(service.emitted())
        report = await replayed(service)
        assert report.differences == []
        assert report.outside == {}
        assert report.same == {"state": 30, "emit": published, "effect": before, "dead letter": 1}
        assert (report.records, report.would_be_called) == (71, 0)
        assert report.decided == (await service.fetch("select count(*) from journal"))[0][0]
        assert (ledger.opened, len(service.emitted())) == (before, published)


async def test_an_instance_whose_clock_was_wrong_changes_no_order(stack: Stack, database: str) -> None:
    async with worked(stack, database, [("A", account("A", "first"))]) as (service, _):
        await service.fetch("update journal_page set at = at + interval '1 hour'")
        service.send(("A", account("A", "second")), ("A", account("A", "third")))
        async with running(service):
            await until(quiet(service, 3))
        report = await replayed(service)
        moments = 'select "offset", at from {} where "offset" is not null order by 1'
        assert report.differences == []
        assert await service.fetch(moments.format(f"{report.schema}.journal")) == await service.fetch(moments.format("journal"))


async def test_a_changed_decider_differs_in_exactly_the_changed_keys(stack: Stack, database: str) -> None:
    def louder(decision: Decision, event: Received[SourceAccount]) -> Decision:
        if event.key != "A7" or decision.state is None:
            return decision
        assert isinstance(decision.state, Counted)
        return structs.replace(decision, state=replace(decision.state, last=decision.state.last.upper()), intents=())

    async with worked(stack, database, family()) as (service, _):
        report = await replayed(service, decided_by(service, louder))
        assert {(each.what, each.key) for each in report.differences} == {("state", "account:A7"), ("effect", "account:A7")}
        state = next(each for each in report.differences if each.what == "state")
        assert ("last", "name 47", "NAME 47") in [(f.path, f.there, f.here) for f in state.fields]
        assert report.different == {"state": 1, "effect": 3}
        assert report.same["emit"] == len(service.emitted())


async def test_a_call_never_made_is_named_and_not_made(stack: Stack, database: str) -> None:
    def dearer(decision: Decision, event: Received[SourceAccount]) -> Decision:
        more = (Intent("insure", "ledger", {"account": event.key}),) if event.key == "A3" else ()
        return structs.replace(decision, intents=(*decision.intents, *more))

    async with worked(stack, database, family()) as (service, ledger):
        before = ledger.opened
        report = await replayed(service, decided_by(service, dearer))
        assert [(each.what, each.key, each.only) for each in report.differences] == [("effect", "account:A3", "here")]
        assert "insure at ledger" in report.differences[0].said
        assert (report.would_be_called, ledger.opened) == (1, before)


async def test_a_changed_record_is_shown_field_by_field(stack: Stack, database: str) -> None:
    def renamed(decision: Decision, event: Received[SourceAccount]) -> Decision:
        emits = tuple(Emit(emit.topic, emit.key, account(emit.key, "renamed", event_id=event.message.event_id)) for emit in decision.emits)
        return structs.replace(decision, emits=emits) if event.key == "P2" else decision

    async with worked(stack, database, family()) as (service, _):
        report = await replayed(service, decided_by(service, renamed))
        assert [(each.what, each.key) for each in report.differences] == [("emit", "P2")]
        assert [(f.path, f.there, f.here) for f in report.differences[0].fields] == [("name", "parent", "renamed")]


async def test_keys_with_records_outside_the_range_are_set_apart(stack: Stack, database: str) -> None:
    async with worked(stack, database, family()) as (service, _):
        middle = datetime.now(UTC)
        async with running(service):
            service.send(("A1", account("A1", "later")), ("new", account("new", "new")))
            await until(quiet(service, 73))
        report = await replayed(service, end=Where(at=middle))
        assert (report.differences, report.records) == ([], 71)
        assert report.outside == {"has records outside the range": 2}
        later = await replayed(service, start=Where(at=middle))
        assert (later.differences, later.records) == ([], 2)
        assert later.same["state"] == 1


async def test_a_key_whose_dead_letter_was_discarded_is_set_apart(stack: Stack, database: str) -> None:
    async with worked(stack, database, [("A", account("A", "bad")), ("B", account("B", "fine"))]) as (service, _):
        async with desk(service) as asked:
            assert await asyncio.to_thread(asked.discard, None, "A", "the account was closed", lambda done, total: None) == 1
            service.send(("A", account("A", "opened again")))
            await until(quiet(service, 3))
        report = await replayed(service)
        assert report.differences == []
        assert report.outside == {"a dead letter of it was discarded": 1}


async def test_a_record_that_ended_the_service_is_not_decoded_by_a_replay(stack: Stack, database: str) -> None:
    async with worked(stack, database, [("A", account("A", "bad"))]) as (service, _):
        await service.fetch("update dead_letter set code = 'poison'")
        await replayed(service)
        assert [r["code"] for r in await service.fetch(f"select code from {service.name}_replay.dead_letter")] == ["poison"]


async def test_a_replay_that_is_cut_off_leaves_the_service_as_it_was_and_can_be_made_again(stack: Stack, database: str) -> None:
    async with worked(stack, database, family()) as (service, _):
        before = await service.fetch("select * from state order by key")
        broken = asyncio.create_task(replayed(service))
        while not await service.fetch(f"select 1 from pg_tables where schemaname = '{service.name}_replay' and tablename = 'guide'"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        broken.cancel()
        with pytest.raises(asyncio.CancelledError):
            await broken
        assert await service.fetch("select * from state order by key") == before
        assert (await replayed(service)).differences == []


async def test_one_partition_can_be_named(stack: Stack, database: str) -> None:
    async with worked(stack, database, family()) as (service, _):
        report = await replayed(service, start=read_where("0:2", [service.source]))
        assert [(span["partition"], span["from"]) for span in report.spans] == [(0, 2)]
        assert report.differences == []
