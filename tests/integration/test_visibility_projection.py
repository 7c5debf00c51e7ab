"""The projection in a real PostgreSQL: written once however often it is applied, and answering what the API promises."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx2 as httpx
import pytest

from services.visibility.adapters.projection import project
from services.visibility.adapters.reading import Projection
from services.visibility.ports import views
from services.visibility.ports.reading import Wanted
from services.visibility.web.site import build_site
from shared.messages.contract import ContractStatus
from shared.ops.database import ensure
from shared.store.pool import open_pool
from tests.unit.visibility.figures import breach, window
from tests.unit.visibility.stories import (
    CONTRACT_TOPIC,
    ERP_TOPIC,
    MAPPING,
    NOW,
    READY_TOPIC,
    Reading,
    agreed,
    cause,
    erp,
    letter,
    money,
    origin,
    ready,
    revision,
    wait_on,
    whole_way,
)

SLASHED = "ocds-b5fd17/PT-9/2019"
HOSTILE = "<img src=x onerror=alert(1)>"
TABLES = ("contract", "transition", "agreement", "engagement", "open_wait", "letter")


def story() -> Reading:
    """One active, one that waits, one that its ERP refused, one cancelled, and one that could never be read."""
    reading = Reading()
    for topic, message in whole_way(SLASHED, 0, title=HOSTILE, total_value=money("100.50")):
        reading.read(topic, message)
    lineage = (revision(1, "200", "200", 10), revision(2, "50", "250", 11))
    reading.read(CONTRACT_TOPIC, agreed("SOW-WAITS", 10, total_value=money("200")))
    reading.read(CONTRACT_TOPIC, agreed("SOW-WAITS", 11, 2, total_value=money("250"), lineage=lineage))
    reading.read(READY_TOPIC, ready("SOW-WAITS", 12, 2, status="WAITING", waits=(wait_on(MAPPING, 12),)))
    reading.read(CONTRACT_TOPIC, agreed("SOW-REFUSED", 20, total_value=money("7000", "JPY"), currency="JPY"))
    reading.read(READY_TOPIC, ready("SOW-REFUSED", 21))
    reading.read(ERP_TOPIC, erp("SOW-REFUSED", 22, status="REJECTED", cause=cause(), origin=origin(READY_TOPIC, 2)))
    refused = letter(READY_TOPIC, 2, code=cause().code, message=cause().message, group="erp_provisioning")
    reading.read("erp_provisioning.dlt.v1", refused, key="SOW-REFUSED")
    reading.read(CONTRACT_TOPIC, agreed("SOW-CANCELLED", 30, status=ContractStatus.CANCELLED))
    reading.read("contract_events.dlt.v1", letter("source.clm.contract.v1", 77, group="contract_events"), key="POISON-1")
    return reading


@dataclass(frozen=True)
class Room:
    """Visibility's schema of an empty database."""

    pool: asyncpg.Pool
    reader: Projection

    async def apply(self, rows: Sequence[object]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await project(connection, rows)

    async def content(self) -> dict[str, list[dict[str, Any]]]:
        return {table: [dict(row) for row in await self.pool.fetch(f"select * from {table} t order by t")] for table in TABLES}


@pytest.fixture
async def room(database: str) -> AsyncIterator[Room]:
    await asyncio.to_thread(ensure, database, {"visibility": "secret"})
    address = database.rpartition("@")[2]
    async with await open_pool(f"postgresql://visibility:secret@{address}", 4) as pool:
        yield Room(pool, Projection(pool, 900))


async def test_applying_the_same_rows_again_changes_nothing(room: Room) -> None:
    rows = story().rows
    await room.apply(rows)
    before = await room.content()
    await room.apply(rows)
    for row in rows:
        await room.apply([row])
    assert await room.content() == before


async def test_one_row_at_a_time_gives_what_one_batch_gives(room: Room) -> None:
    rows = story().rows
    for row in rows:
        await room.apply([row])
    singly = await room.content()
    await room.pool.execute(f"truncate {', '.join(TABLES)}")
    await room.apply(rows)
    assert await room.content() == singly


async def test_the_report_names_every_contract_that_is_not_provisioned(room: Room) -> None:
    await room.apply(story().rows)
    report = await room.reader.report()
    counts = {"received": 5, "approved": 3, "ready": 2, "provisioned": 1, "active": 1, "closed": 1, "waiting": 1, "dead_lettered": 2}
    counts["not_in_erp"] = 2
    assert report.contracts.model_dump() == counts
    assert report.value_by_currency.provisioned == {"EUR": "100.50"}
    assert report.value_by_currency.waiting == {"EUR": "250.00"}
    assert report.value_by_currency.dead_lettered == {"JPY": "7000"}
    assert report.waits[MAPPING].model_dump(include={"count", "queue", "value_by_currency"}) == {
        "count": 1,
        "queue": "master data",
        "value_by_currency": {"EUR": "250.00"},
    }
    assert report.duration_s == pytest.approx(30)
    reasons = {each.contract_id: (each.condition, each.reason) for each in report.not_provisioned}
    assert reasons["POISON-1"] == ("DEAD_LETTERED", "schema id 4711 is not known to the registry")
    assert reasons["SOW-REFUSED"] == ("DEAD_LETTERED", cause().message)
    assert reasons["SOW-WAITS"] == ("WAITING", wait_on(MAPPING).reason)
    assert reasons["SOW-CANCELLED"] == ("FLOWING", "cancelled before it was set up")


async def test_a_wait_that_is_supplied_is_gone_and_stays_in_the_story(room: Room) -> None:
    reading = story()
    await room.apply(reading.rows)
    done = len(reading.rows)
    reading.read(READY_TOPIC, ready("SOW-WAITS", 40, 2, summary="legal entity found"))
    await room.apply(reading.rows[done:])
    assert await room.reader.waits() == []
    detail = await room.reader.contract("SOW-WAITS")
    assert [step.status for step in detail.transitions] == ["APPROVED", "APPROVED", "WAITING", "READY"]
    assert [wait["key"] for wait in detail.transitions[2].waits] == [MAPPING]
    assert sum(Decimal(each["delta"]["amount"]) for each in detail.lineage) == Decimal(detail.line.amount or 0)


async def test_a_dead_letter_stops_standing_when_its_service_went_past_it(room: Room) -> None:
    reading = story()
    await room.apply(reading.rows)
    assert {each.fingerprint: each.standing for each in await room.reader.causes()}[cause().fingerprint] == 1
    done = len(reading.rows)
    reading.read(ERP_TOPIC, erp("SOW-REFUSED", 90, 2, origin=origin(READY_TOPIC, 3)))
    await room.apply(reading.rows[done:])
    [found] = await room.reader.letters(cause().fingerprint)
    assert not found.standing
    assert (await room.reader.contract("SOW-REFUSED")).line.condition == "FLOWING"


async def test_of_a_record_that_failed_again_for_another_cause_the_new_letter_alone_stands(room: Room) -> None:
    reading = story()
    again = letter(READY_TOPIC, 2, code="no-such-item", message="NetSuite knows no such item.", group="erp_provisioning")
    reading.read("erp_provisioning.dlt.v1", again, key="SOW-REFUSED", now=NOW + timedelta(minutes=1))
    await room.apply(reading.rows)
    standing = {each.code: each.standing for each in await room.reader.letters() if each.contract_id == "SOW-REFUSED"}
    assert standing == {cause().code: False, "no-such-item": True}


async def test_a_cause_that_two_services_share_is_told_of_each(room: Room) -> None:
    reading = story()
    same = letter(CONTRACT_TOPIC, 2, code=cause().code, message=cause().message, group="master_data")
    reading.read("master_data.dlt.v1", same, key="SOW-WAITS")
    await room.apply(reading.rows)
    told = {each.service: each.value_by_currency for each in await room.reader.causes() if each.fingerprint == cause().fingerprint}
    assert told == {"erp_provisioning": {"JPY": "7000"}, "master_data": {"EUR": "250.00"}}


async def test_contracts_are_found_by_state_unit_queue_and_text_and_read_page_by_page(room: Room) -> None:
    await room.apply(story().rows)

    async def names(**filters: Any) -> list[str]:
        return [line.contract_id for line in (await room.reader.contracts(Wanted(**filters))).contracts]

    assert await names(state="waiting") == ["SOW-WAITS"]
    assert await names(state="not-in-erp") == ["SOW-REFUSED", "SOW-WAITS"]
    assert await names(queue="master data") == ["SOW-WAITS"]
    assert await names(unit="BU-17", q="nordBANK") == ["SOW-REFUSED", SLASHED]
    assert await names(q="100%_") == []
    found, after = [], None
    while True:
        page = await room.reader.contracts(Wanted(limit=2, after=after))
        found += [line.contract_id for line in page.contracts]
        if (after := page.after) is None:
            break
    assert len(found) == len(set(found)) == 5


async def test_what_lacks_a_billing_structure_is_counted_as_it_is_listed(room: Room) -> None:
    reading = story()
    reading.read(CONTRACT_TOPIC, agreed("SOW-TAKEN-BACK", 40))
    reading.read(CONTRACT_TOPIC, agreed("SOW-TAKEN-BACK", 41, 2, status=ContractStatus.CANCELLED))
    await room.apply(reading.rows)
    counted = (await room.reader.summary()).contracts
    assert (counted.approved - counted.provisioned, counted.not_in_erp) == (3, 2)
    assert len((await room.reader.contracts(Wanted(state="not-in-erp"))).contracts) == 2


class Silent:
    """No neighbours and no tail."""

    async def platform(self) -> views.Platform:
        return views.Platform(services=[], targets=[])

    async def follow(self) -> AsyncIterator[str | None]:
        yield None


async def test_the_pages_and_the_api_answer_from_the_projection(room: Room) -> None:
    await room.apply(story().rows)
    site = build_site(room.reader, Silent(), Silent(), lambda: False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://console") as client:
        for address in ("/", "/contracts", f"/contracts/{quote(SLASHED, safe='')}", f"/contracts/{SLASHED}", "/waits", "/dead-letters", "/kpis"):
            answer = await client.get(address)
            assert answer.status_code == 200, address
            assert HOSTILE not in answer.text
        detail = (await client.get(f"/api/contracts/{quote(SLASHED, safe='')}")).json()
        assert detail["line"]["title"] == HOSTILE
        assert [step["service"] for step in detail["transitions"]][-1] == "psa_sync"
        assert (await client.get("/api/summary")).json()["contracts"]["received"] == 5
        rows = (await client.get("/api/contracts?format=csv&state=dead-lettered")).text.splitlines()
        assert len(rows) == 3


async def test_a_change_is_told_to_open_pages_at_once(room: Room) -> None:
    stop = False
    site = build_site(room.reader, Silent(), Silent(), lambda: stop, look_s=0.02)
    reading = story()
    await room.apply(reading.rows[:3])
    told: list[str] = []
    heard = asyncio.Event()

    async def listen(scope_path: str) -> None:
        async def send(message: Any) -> None:
            told.append(message.get("body", b"").decode())
            heard.set()

        scope = {"type": "http", "method": "GET", "path": scope_path, "raw_path": scope_path.encode(), "query_string": b"", "headers": []}
        await site(scope | {"http_version": "1.1", "scheme": "http", "server": ("console", 80), "asgi": {"version": "3.0"}}, _quiet, send)

    async def changes(number: int) -> None:
        while "".join(told).count("event: change") < number:
            heard.clear()
            await heard.wait()

    listening = asyncio.create_task(listen("/live"))
    async with asyncio.timeout(10):
        await changes(1)
        await room.apply(reading.rows[3:])
        await changes(2)
        stop = True
        await listening


async def _quiet() -> Any:
    """A client that sends nothing and stays."""
    await asyncio.sleep(timedelta(hours=1).total_seconds())


async def test_a_window_only_grows_and_a_cleared_breach_stays_cleared(room: Room) -> None:
    await room.apply([window(5), breach(cleared=True)])
    await room.apply([window(3), breach(cleared=False)])
    kpis = await room.reader.kpis()
    assert [(each.contracts, each.value_by_currency) for each in kpis.windows] == [(5, {"EUR": "5.00"})]
    assert [each.cleared for each in kpis.late] == [True]


async def test_what_is_late_in_any_unit_is_late_in_all_of_them(room: Room) -> None:
    await room.apply([breach(cleared=False)])
    late = {unit: len((await room.reader.kpis(unit)).late) for unit in ("*", "BU-17", "BU-18")}
    assert late == {"*": 1, "BU-17": 1, "BU-18": 0}
