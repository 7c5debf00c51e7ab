"""The runtime on real Kafka and real PostgreSQL: every input once in the output, whatever happens to its parts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from shared.runtime.answers import Absent, Ambiguous, Done, Exchange, Finding, Reply, Unavailable
from shared.runtime.decision import Allowance, Intent, Target
from shared.runtime.engine import Engine
from shared.runtime.main import parts_of, runner_of
from shared.runtime.runner import Runner
from shared.store.pool import open_pool
from tests.support.service import Bench, account, bench
from tests.support.stack import Stack

DEADLINE_S = 60
NOBODYS = b"\x00\x7f\xff\xff\xffjunk"  # framed, under a schema id that no registry gave out
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110  the condition is another process's
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(service: Bench) -> AsyncIterator[tuple[Engine, Runner | None]]:
    settings = service.runtime_settings()
    pool = await open_pool(service.dsn, 4)
    engine = Engine(service.service(), settings, parts_of(service.service(), settings, pool), service.codec)
    runner = runner_of(engine.service, settings, pool, engine)
    tasks = [asyncio.create_task(engine.run())] + ([asyncio.create_task(runner.run())] if runner else [])
    try:
        yield engine, runner
    finally:
        engine.stop()
        if runner:
            runner.drain()
            await runner.stop(5)
        try:
            await asyncio.gather(*tasks)
        finally:
            await pool.close()


def settled(service: Bench, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        row = (await service.fetch("select (select count(*) from journal) as seen, (select count(*) from outbox) as unpublished"))[0]
        return bool(row["seen"] >= count and row["unpublished"] == 0)

    return check


async def test_every_event_is_published_once_and_duplicates_are_dropped(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        events = [(f"A{i % 20}", account(f"A{i % 20}", f"name {i}")) for i in range(200)]
        service.send(*events, *events[:40])
        async with running(service):
            await until(settled(service, 240))
        counts = Counter(message.event_id for _, message in service.emitted())
        assert counts == Counter(message.event_id for _, message in events)
        outcomes = await service.fetch("select outcome, count(*) from journal group by 1 order by 1")
        assert [tuple(r.values()) for r in outcomes] == [("applied", 200), ("duplicate", 40)]


async def test_lanes_number_what_they_publish_without_a_gap(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        for round_ in range(3):
            service.send(*((f"A{i}", account(f"A{i}", f"{round_}")) for i in range(30)))
            async with running(service):
                await until(settled(service, 30 * (round_ + 1)))
        lanes: dict[bytes, list[int]] = {}
        for _, headers, _ in service.published(service.output):
            lanes.setdefault(headers["throughline-lane"], []).append(int(headers["throughline-seq"]))
        assert sum(map(len, lanes.values())) == 90
        assert all(sorted(seqs) == list(range(1, len(seqs) + 1)) for seqs in lanes.values())


async def test_a_waiter_goes_on_when_its_key_is_supplied_and_nobody_else_is_woken(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("child", account("child", "c", parent_id="top")), ("other", account("other", "o", parent_id="elsewhere")))
        async with running(service):
            await until(settled(service, 2))
            waits = await service.fetch("select key, wait_key from wait order by key")
            assert [tuple(r.values()) for r in waits] == [("account:child", "account:top"), ("account:other", "account:elsewhere")]
            service.send(("top", account("top", "t")))
            await until(settled(service, 4))
        assert {key for key, _ in service.emitted()} == {"child", "top"}
        assert [r["key"] for r in await service.fetch("select key from wait")] == ["account:other"]


async def test_a_dead_letter_keeps_its_bytes_and_holds_what_comes_behind_it(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", NOBODYS), ("A", account("A", "later")), ("B", account("B", "bug")), ("C", account("C", "fine")))
        async with running(service):
            await until(settled(service, 4))
        dead = {key: (headers, value) for key, headers, value in service.published(service.dead_letters)}
        assert dead["A"][1] == NOBODYS
        assert dead["A"][0]["throughline-cause"] == b"unknown-schema-id"
        assert dead["A"][0]["__dlq.errors.topic"] == service.source.encode()
        assert dead["B"][0]["throughline-cause"] == b"bug"
        assert [key for key, _ in service.emitted()] == ["C"]
        assert [r["key"] for r in await service.fetch("select key from held")] == ["account:A"]


async def test_losing_every_database_connection_loses_and_doubles_nothing(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        events = [(f"A{i % 50}", account(f"A{i % 50}", f"name {i}")) for i in range(3000)]
        admin = await asyncpg.connect(stack.dsn)
        async with running(service):
            for start in range(0, 3000, 500):
                service.send(*events[start : start + 500])
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", database.rpartition("/")[2].partition("?")[0]
                )
            await until(settled(service, 3000))
        await admin.close()
        assert Counter(m.event_id for _, m in service.emitted()) == Counter(m.event_id for _, m in events)


async def test_two_instances_share_the_lanes_and_hand_them_over(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        events = [(f"A{i % 60}", account(f"A{i % 60}", f"name {i}")) for i in range(1500)]
        async with running(service):
            service.send(*events[:500])
            async with running(service) as (second, _):
                service.send(*events[500:1000])
                await until(settled(service, 1000))

                async def took_part() -> bool:
                    return len(second.lanes) > 0

                await until(took_part)
            service.send(*events[1000:])
            await until(settled(service, 1500))
        assert Counter(m.event_id for _, m in service.emitted()) == Counter(m.event_id for _, m in events)


class Ledger:
    """A target that fails as told, and keeps what it was sent."""

    def __init__(self, *trouble: object) -> None:
        self.trouble, self.looked = list(trouble), 0
        self.sent: list[object] = []

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        answer = self.trouble.pop(0) if self.trouble else Done(str(intent.content["account"]))
        if not isinstance(answer, Unavailable):
            self.sent.append(intent.content["account"])
        return Reply(answer, Exchange("PUT /account"))  # type: ignore[arg-type]

    async def look_up(self, intent: Intent) -> Finding:
        self.looked += 1
        return Done(str(intent.content["account"])) if intent.content["account"] in self.sent else Absent()


async def test_a_call_in_doubt_is_looked_up_before_it_is_sent_again(stack: Stack, database: str) -> None:
    ledger = Ledger(Unavailable("throttled", 0.01, throttled=True), Ambiguous("no answer"))
    async with bench(stack, database) as service:
        service.target = lambda name: Target(ledger, Allowance(2))
        service.send(("A", account("A", "a")))
        async with running(service):
            await until(settled(service, 2))
        assert (ledger.sent, ledger.looked) == (["A"], 1)
        attempts = await service.fetch("select outcome from attempt order by id")
        assert [r["outcome"] for r in attempts] == ["throttled", "ambiguous", "done"]
        assert [r["status"] for r in await service.fetch("select status from effect")] == ["done"]
