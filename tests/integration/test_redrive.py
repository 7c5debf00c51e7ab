"""Dead letters decided on again, on real Kafka and PostgreSQL: what a plan says, what applying it does, and what it leaves alone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO

import asyncpg
import fastavro
import pytest

from shared.kernel.cause import Cause
from shared.messages.source import SourceAccount
from shared.ops.console import fetch
from shared.ops.dlt import Place
from shared.ops.dlt_desk import Refused
from shared.runtime.answers import Rejected, Reply
from shared.runtime.decision import Allowance, Intent, Target
from shared.store.plans import PlanStore
from shared.wire.registry import Registry
from tests.integration.test_runtime import Ledger, settled, until
from tests.support.redriving import apply, desk, items_of, plan_of
from tests.support.service import RUNTIME_TABLES, Bench, account, bench
from tests.support.stack import Stack

FORGET_WHAT_WAS_SEEN = """
update state set body = convert_to(regexp_replace(convert_from(body, 'UTF8'), '"seen":\\[[^]]*\\]', '"seen":[]'), 'UTF8')
"""


async def standing(service: Bench) -> int:
    return int((await service.fetch("select count(*) as n from dead_letter where resolved is null"))[0]["n"])


def none_held(service: Bench) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        row = (await service.fetch("select (select count(*) from held) + (select count(*) from inbox) + (select count(*) from outbox) as n"))[0]
        return bool(row["n"] == 0)

    return check


async def test_a_mended_cause_is_applied_and_what_was_held_follows_in_the_order_it_came(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        events = [(f"A{i % 3}", account(f"A{i % 3}", "stop" if i < 3 else f"name {i}")) for i in range(60)]
        service.send(*events)
        async with desk(service) as asked:
            await until(settled(service, 60))
            assert await standing(service) == 3
            service.faults = set()
            plan = await plan_of(asked)
            assert [(i["verdict"], i["held"], i["schema"]) for i in await items_of(asked, plan)] == [("apply", 19, "today's")] * 3
            service.send(*(late := [(f"A{i}", account(f"A{i}", "late")) for i in range(3)]))
            assert (await apply(asked, plan))["progress"] == {"confirmed": 3}
            await until(settled(service, 60 + 3 + 60))
            await until(none_held(service))
        emitted: dict[str, list[str]] = {}
        for key, message in service.emitted():
            emitted.setdefault(key, []).append(message.event_id)
        assert emitted == {key: [m.event_id for k, m in (*events, *late) if k == key] for key in ("A0", "A1", "A2")}
        assert await standing(service) == 0
        audit = await service.fetch("select who, why, plan_hash, key from audit where what = 're-driven' order by key")
        assert [tuple(r.values()) for r in audit] == [("ann@desk", "the cause is mended", plan["hash"], f"account:A{i}") for i in range(3)]


async def test_verdicts_say_what_each_letter_would_do_today_and_only_what_helps_is_done(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"mended", "standing", "overtaken"}
        twice = account("twice", "mended")
        service.send(("mend", account("mend", "mended")), ("twice", twice), ("broken", b"\x00\x00\x00\x00\x07junk"))
        service.send(("stand", account("stand", "standing")), ("old", account("old", "overtaken")))
        async with desk(service) as asked:
            await until(settled(service, 5))
            await a_later_record_is_taken_in_spite_of_its_letter(service, "account:old")
            await the_record_is_seen_already(service, twice.event_id)
            service.faults = {"standing"}
            plan = await plan_of(asked)
            verdicts = {item["key"]: item["verdict"] for item in await items_of(asked, plan)}
            assert verdicts == {
                "account:mend": "apply",
                "account:twice": "already applied",
                "account:broken": "still broken",
                "account:stand": "still broken",
                "account:old": "would regress",
            }
            before = len(service.emitted())
            assert (await apply(asked, plan))["progress"] == {"confirmed": 2}
            assert sorted(key for key, _ in service.emitted()) == ["mend", "old", "twice"]
            assert len(service.emitted()) == before + 1
        left = await service.fetch("select key from dead_letter where resolved is null order by key")
        assert [r["key"] for r in left] == ["account:broken", "account:old", "account:stand"]


async def a_later_record_is_taken_in_spite_of_its_letter(service: Bench, key: str) -> None:
    """As a service would have whose older version did not hold records back."""
    await service.fetch("update dead_letter set resolved = now() where key = $1", key)
    service.send(("old", account("old", "newer")))
    await until(journaled(service, key, "applied"))
    await service.fetch("update dead_letter set resolved = null where key = $1", key)


async def the_record_is_seen_already(service: Bench, event_id: str) -> None:
    """The same event came by another way."""
    await service.fetch("update dead_letter set resolved = now() where key = 'account:twice'")
    service.faults = {"none of them"}
    service.send(("twice", account("twice", "by another way", event_id=event_id)))
    await until(journaled(service, "account:twice", "applied"))
    await service.fetch("update dead_letter set resolved = null where key = 'account:twice'")


def journaled(service: Bench, key: str, outcome: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return bool(await service.fetch("select from journal where key = $1 and outcome = $2", key, outcome))

    return check


async def test_a_cause_that_is_not_mended_costs_one_letter_and_is_never_called_done(stack: Stack, database: str) -> None:
    refusal = Cause("no-such-account", "the ledger refuses it")
    ledger = Ledger(*[Rejected(refusal)] * 40)
    async with bench(stack, database) as service:
        service.target = lambda name: Target(ledger, Allowance(5))
        service.send(*((f"A{i}", account(f"A{i}", "a")) for i in range(12)))
        async with desk(service) as asked:
            await until(letters(service, 12))
            await service.fetch(FORGET_WHAT_WAS_SEEN)
            sent = len(ledger.trouble)
            plan = await plan_of(asked)
            assert [(t["verdict"], t["letters"], t["calls"]) for t in plan["totals"]] == [("apply", 12, 12)]
            told = await apply(asked, plan)
            assert (told["status"], told["progress"]) == ("stopped", {"failed_same": 1, "pending": 11})
            assert sent - len(ledger.trouble) == 1
            assert await standing(service) == 12


async def test_an_answer_that_a_bug_met_is_decided_on_once_its_letter_is_applied_again(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.target = lambda name: Target(Ledger(), Allowance(5))
        service.bugs = {"answer"}
        service.send(("A1", account("A1", "a")))
        async with desk(service) as asked:
            await until(letters(service, 1))
            assert (await asyncio.to_thread(fetch, f"{asked.url}/status"))["inbox_due"] == 0  # what is put off keeps nobody from rest
            service.bugs = set()
            plan = await plan_of(asked)
            assert [item["verdict"] for item in await items_of(asked, plan)] == ["already applied"]
            assert (await apply(asked, plan))["progress"] == {"confirmed": 1}
            await until(none_held(service))
        (state,) = await service.fetch("select convert_from(body, 'UTF8')::jsonb->>'external_id' as id from state where key = 'account:A1'")
        assert state["id"]


async def test_a_letter_of_an_answer_that_is_discarded_is_closed_for_good(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.target = lambda name: Target(Ledger(), Allowance(5))
        service.bugs = {"answer"}
        service.send(("A1", account("A1", "a")))
        async with desk(service) as asked:
            await until(letters(service, 1))
            service.send(("A1", account("A1", "held behind it")))
            await until(journaled(service, "account:A1", "held"))
            service.target = None  # what was held makes no call
            assert await asyncio.to_thread(asked.discard, None, None, "it was done by hand", lambda done, of: None) == 1
            await until(none_held(service))
        assert await standing(service) == 0


def letters(service: Bench, count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await standing(service) == count

    return check


async def test_a_plan_is_refused_once_a_state_it_was_made_from_has_moved(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        service.send(("top", account("top", "t")), ("A", account("A", "stop", parent_id="top")), ("B", account("B", "stop")))
        async with desk(service) as asked:
            await until(settled(service, 3))
            service.faults = set()
            plan = await plan_of(asked)
            service.send(("top", account("top", "t again")))
            await until(settled(service, 4))
            told = await apply(asked, plan)
            assert told["status"] == "refused"
            assert told["said"].startswith("The state of account:top has changed since the plan was made")
            assert await standing(service) == 2
            assert (await apply(asked, await plan_of(asked)))["progress"] == {"confirmed": 2}


async def test_a_record_that_fails_for_another_cause_stops_the_plan_and_is_buried_under_the_new_one(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"bug", "stop"}
        service.send(*((f"A{i}", account(f"A{i}", "stop")) for i in range(3)))
        async with desk(service) as asked:
            await until(settled(service, 3))
            service.faults = set()
            plan = await plan_of(asked)
            service.bugs = {"stop"}
            told = await apply(asked, plan)
            assert (told["status"], told["progress"]) == ("stopped", {"failed_new": 1, "pending": 2})
            failed = next(item["key"] for item in await items_of(asked, plan) if item["status"] == "failed_new")
        rows = await service.fetch("select code, attempts, resolution from dead_letter where key = $1 order by id", failed)
        assert [tuple(r.values()) for r in rows] == [("bad-name", 1, "failed again for another cause"), ("bug", 2, None)]
        assert len(service.published(service.dead_letters)) == 4


async def test_what_is_discarded_is_audited_and_frees_what_it_held(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")), ("A", account("A", "fine")), ("B", account("B", "bad")))
        async with desk(service) as asked:
            await until(settled(service, 3))
            assert await asyncio.to_thread(asked.discard, None, "A", "the account was closed", lambda done, total: None) == 1
            await until(settled(service, 4))
            await until(none_held(service))
        assert [m.name for _, m in service.emitted()] == ["fine"]
        assert [tuple(r.values()) for r in await service.fetch("select what, why, key from audit")] == [
            ("discarded", "the account was closed", "account:A")
        ]
        assert await standing(service) == 1


async def test_an_edited_value_is_decided_on_and_the_bytes_that_came_are_kept(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")))
        async with desk(service) as asked:
            await until(settled(service, 1))
            row = (await service.fetch('select topic, part, "offset", value from dead_letter'))[0]
            place = Place(row["topic"], row["part"], row["offset"])
            told = await asyncio.to_thread(asked.read, place)
            outdated = await plan_of(asked)
            with pytest.raises(Refused, match="no record of"):
                await asyncio.to_thread(asked.edit, place, {"name": 7}, "a slip")
            await asyncio.to_thread(asked.edit, place, {**told["value"], "name": "worse"}, "its name was wrong")
            await asyncio.to_thread(asked.edit, place, {**told["value"], "name": "good"}, "and so was that one")
            assert (await apply(asked, outdated))["status"] == "ended"  # it had nothing to do
            assert (await apply(asked, await plan_of(asked)))["progress"] == {"confirmed": 1}
            await until(none_held(service))
        assert [m.name for _, m in service.emitted()] == ["good"]
        assert [r["original"] for r in await service.fetch("select original from dead_letter")] == [row["value"]]
        audit = await service.fetch("select what from audit where letter is not null order by id")
        assert [r["what"] for r in audit] == ["edited", "edited", "re-driven"]


async def test_nothing_is_changed_without_the_token_and_nothing_is_exported(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")))
        async with desk(service) as asked:
            await until(settled(service, 1))
            exported = await asyncio.to_thread(lambda: list(asked.export(None, None)))
            assert [json.loads(line)["state_key"] for line in exported] == ["account:A"]
            stranger = replace(asked, token="another")
            for attempt in (lambda: stranger.begin(None, None, "why"), lambda: list(stranger.export(None, None))):
                with pytest.raises(Refused, match="show the ops token"):
                    await asyncio.to_thread(attempt)
            with pytest.raises(Refused, match="why"):
                await asyncio.to_thread(asked.begin, None, None, "")
        assert not await service.fetch("select from redrive_plan")


async def test_a_letter_is_done_only_when_the_calls_that_followed_have_been_answered(stack: Stack, database: str) -> None:
    ledger = SlowLedger()
    async with bench(stack, database) as service:
        service.faults, service.target = {"stop"}, lambda name: Target(ledger, Allowance(2))
        service.send(("A", account("A", "stop")))
        async with desk(service) as asked:
            await until(settled(service, 1))
            service.faults = set()
            plan = await plan_of(asked)
            calls = [call for item in await items_of(asked, plan) for call in item["calls"]]
            await asyncio.to_thread(asked.advance, plan)
            async with asyncio.timeout(30):
                await ledger.called.wait()
            for _ in range(3):
                assert (await asyncio.to_thread(asked.advance, plan))["progress"] == {"decided": 1}
            ledger.answer.set()
            assert (await apply(asked, plan))["progress"] == {"confirmed": 1}
        made = await service.fetch("select id::text as id, step, target, content from effect")
        assert [{**r, "content": json.loads(r["content"])} for r in map(dict, made)] == calls


class SlowLedger(Ledger):
    """Answers once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.called, self.answer = asyncio.Event(), asyncio.Event()

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        self.called.set()
        await self.answer.wait()
        return await super().send(intent, effect_id)


async def test_a_held_record_that_fails_stops_its_key_again_and_the_rest_stays_held(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"first", "second"}
        names = ("first", "fine", "second", "last")
        service.send(*(("A", account("A", name)) for name in names))
        async with desk(service) as asked:
            await until(settled(service, 4))
            service.faults = {"second"}
            assert (await apply(asked, await plan_of(asked)))["progress"] == {"confirmed": 1}
            await until(settled(service, 8))
            assert [m.name for _, m in service.emitted()] == ["first", "fine"]
            assert (await service.fetch("select released from held"))[0]["released"] is False
            service.send(("A", account("A", "after")))
            await until(settled(service, 9))
            service.faults = set()
            assert (await apply(asked, await plan_of(asked)))["progress"] == {"confirmed": 1}
            await until(none_held(service))
        assert [m.name for _, m in service.emitted()] == ["first", "fine", "second", "last", "after"]


async def test_a_record_of_an_older_schema_is_judged_by_todays_reader(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        older = json.loads(SourceAccount.avro_schema)
        older["fields"] = [each for each in older["fields"] if each["name"] != "parent_id"]
        registered = Registry(stack.registry).register(f"{service.source}-value", json.dumps(older))
        told = account("A", "stop")
        framed = BytesIO()
        framed.write(b"\x00" + registered.to_bytes(4, "big"))
        written = {name: getattr(told, name, None) for name in (each["name"] for each in older["fields"])}
        fastavro.schemaless_writer(framed, fastavro.parse_schema(older), written)
        service.send(("A", framed.getvalue()))
        async with desk(service) as asked:
            await until(settled(service, 1))
            service.faults = set()
            plan = await plan_of(asked)
            judged = [(item["verdict"], item["schema"]) for item in await items_of(asked, plan)]
            assert judged == [("apply", f"{registered}, read as today's")]
            assert (await apply(asked, plan))["progress"] == {"confirmed": 1}
        assert [key for key, _ in service.emitted()] == ["A"]


async def test_nothing_but_the_services_own_topics_grows(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        service.send(("A", account("A", "stop")), ("A", account("A", "held")))
        async with desk(service) as asked:
            await until(settled(service, 2))
            before = (service.published(service.source), service.published(service.dead_letters))
            service.faults = set()
            await apply(asked, await plan_of(asked))
            await until(none_held(service))
        assert (service.published(service.source), service.published(service.dead_letters)) == before


OLD_LETTER = """insert into dead_letter (topic, part, "offset", headers, code, message, fingerprint) values ('t', 0, $1, '', 'c', 'm', 'f')"""
OLD_ITEMS = """
insert into redrive_item (plan, n, letter, topic, part, "offset", digest, fingerprint, verdict, note, schema, emits, calls, reads, held, status)
select 1, n, n, 't', 0, n - 1, '', 'f', verdict, '', '', '[]', '[]', '{}', 0, status
from unnest($1::text[], $2::text[]) with ordinality x(verdict, status, n)
"""


async def test_a_plan_from_before_its_counts_were_kept_goes_on_with_the_right_ones(database: str) -> None:
    scripts = {path.stem: path.read_text() for path in RUNTIME_TABLES.glob("*.sql")}
    db = await asyncpg.connect(database)
    await db.execute(scripts["0001_runtime"] + scripts["0002_redrive"])
    await db.execute("insert into redrive_plan (who, why, letters, last, items, status) values ('ann', 'mended', 5, 5, 5, 'running')")
    for n in range(5):
        await db.execute(OLD_LETTER, n)
    verdicts = ["apply", "superseded", "apply", "apply", "still broken"]
    await db.execute(OLD_ITEMS, verdicts, ["confirmed", "waiting", "decided", "pending", "pending"])
    await db.execute(scripts["0004_redrive_counts"])
    await db.close()
    async with asyncpg.create_pool(database, min_size=1, max_size=1) as pool:
        assert await PlanStore(pool).progress(1) == {"confirmed": 1, "waiting": 1, "decided": 1, "pending": 1}
