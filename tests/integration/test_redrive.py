"""Dead letters decided on again, on real Kafka and PostgreSQL: what a plan says, what applying it does, and what it leaves alone."""

from collections.abc import Awaitable, Callable

from tests.integration.test_runtime import settled, until
from tests.support.redriving import apply, desk, items_of, plan_of
from tests.support.service import Bench, account, bench
from tests.support.stack import Stack


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
        audit = await service.fetch("select who, why, plan_hash, key from audit where what = 're-driven' order by id")
        assert [tuple(r.values()) for r in audit] == [("ann@desk", "the cause is mended", plan["hash"], f"account:A{i}") for i in range(3)]
