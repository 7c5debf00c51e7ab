"""What SQL guards, on a real PostgreSQL: who may write a lane, in which order its records are numbered, whose answer to a call counts."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared.runtime.records import packed
from shared.store.batches import BatchStore, Conflict, Fenced
from shared.store.effects import AttemptRow, EffectStore
from shared.store.lanes import LaneStore
from shared.store.letters import Asked, LetterStore
from shared.store.outbox import OutboxStore
from shared.store.pool import LIMITS, open_pool
from shared.store.rows import Batch, EffectChange, Fence, Lane, Publication, StateChange, WaitChange
from tests.support.service import bench
from tests.support.stack import Stack

LETTER = """
insert into dead_letter (topic, part, "offset", key, headers, code, message, fingerprint) values ('in', 0, 0, 'account:A', '', 'c', 'm', 'f')
"""
LANE: Lane = ("in", 0)
IDS = {"in": "in-1"}
MOVE = "update lane set next = 1, head = head + 1 where topic = 'in' and part = 0"


def batch(old: int, new: int, epoch: int = 1) -> Batch:
    return Batch(fences=[Fence(LANE, old, new, epoch)], publications=[Publication(LANE, "out", b"k", b"v", packed([]))])


def state(version: int, key: str = "account:A") -> StateChange:
    return StateChange(key, version, False, b"{}", None)


@asynccontextmanager
async def lane_of_ours(stack: Stack, database: str, size: int = 2) -> AsyncIterator[asyncpg.Pool]:
    """A pool as services open it; the lane is claimed once."""
    async with bench(stack, database):
        pool = await open_pool(database, size)
        try:
            await LaneStore(pool).claim([LANE], IDS)
            yield pool
        finally:
            await pool.close()


@pytest.mark.parametrize("passed", [batch(0, 1, epoch=2), batch(1, 2)], ids=["epoch", "offset"])
async def test_a_batch_is_written_under_the_lanes_own_epoch_from_its_own_offset_or_not_at_all(
    stack: Stack, database: str, passed: Batch
) -> None:
    async with lane_of_ours(stack, database) as pool:
        with pytest.raises(Fenced):
            await BatchStore(pool).commit(passed)
        assert [row.seq for row in (await BatchStore(pool).commit(batch(0, 1)))[LANE]] == [1]


@pytest.mark.parametrize(("ending", "numbers"), [("commit", None), ("rollback", [1])])
async def test_numbers_are_given_out_in_the_order_of_commits_and_none_is_left_out(
    stack: Stack, database: str, ending: str, numbers: list[int] | None
) -> None:
    async with lane_of_ours(stack, database) as pool, pool.acquire() as other:
        await other.execute("begin")
        await other.execute(MOVE)
        waiting = asyncio.create_task(BatchStore(pool).commit(batch(0, 1)))
        await asyncio.wait([waiting], timeout=0.3)
        assert not waiting.done()  # behind whoever moves the fence now
        await other.execute(ending)
        if numbers is None:
            with pytest.raises(Fenced):
                await waiting
        else:
            assert [row.seq for row in (await waiting)[LANE]] == numbers


async def test_a_lane_whose_owner_froze_in_a_transaction_has_a_new_owner_within_its_patience(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        frozen = await asyncpg.connect(database, server_settings=LIMITS)
        await frozen.execute("begin")
        await frozen.execute(MOVE)
        (row,) = await LaneStore(pool).claim([LANE], IDS)
        assert (row.epoch, row.next) == (2, 0)
        frozen.terminate()  # the server has ended it


async def test_a_connection_left_within_a_transaction_is_not_handed_on(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database, size=1) as pool:
        async with pool.acquire() as left:
            await left.execute("begin")
            await left.execute(MOVE)
        async with pool.acquire() as next_one:
            assert not next_one.is_in_transaction()
        assert (await LaneStore(pool).read([LANE]))[0].next == 0


async def test_a_state_that_changed_while_it_was_decided_on_is_not_overwritten(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        await BatchStore(pool).commit(Batch(states=[state(1)]))
        with pytest.raises(Conflict):
            await BatchStore(pool).commit(Batch(states=[state(1)]))


SPOILED = {
    "changed": "update state set version = 2 where key = 'account:A'",
    "stopped": LETTER,
    "held": "insert into held (topic, part, \"offset\", key, headers) values ('in', 0, 0, 'account:A', '')",
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
@pytest.mark.parametrize("saved", [True, False], ids=["saved", "looked at"])
async def test_what_was_remembered_of_a_key_is_believed_only_while_it_holds(stack: Stack, database: str, spoiled: str, saved: bool) -> None:
    async with lane_of_ours(stack, database) as pool:
        store = BatchStore(pool)
        await store.commit(Batch(states=[state(1)]))
        again = Batch(states=[state(2)] if saved else [], believed={"account:A": 1})
        await pool.execute(spoiled)
        with pytest.raises(Conflict):
            await store.commit(again)


async def test_what_holds_of_a_remembered_key_lets_the_batch_pass(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        store = BatchStore(pool)
        await store.commit(Batch(states=[state(1)]))
        await pool.execute(LETTER.replace("account:A", "account:B"))  # another key's
        await store.commit(Batch(states=[state(2)], believed={"account:A": 1}))
        assert (await store.load(["account:A"]))["account:A"].version == 2


async def test_lines_wait_in_pages_and_are_read_and_forgotten_line_by_line(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        store, outbox = BatchStore(pool), OutboxStore(pool)
        for n, lines in enumerate((2500, 1, 1, 3)):
            many = [Publication(LANE, "out", b"k", f"{n}/{line}".encode(), packed([])) for line in range(lines)]
            await store.commit(Batch(fences=[Fence(LANE, n, n + 1, 1)], publications=many))
        assert await pool.fetchval("select count(*) from outbox_page") == 6
        assert [row.seq for row in await outbox.pending(LANE, 0, 1000)] == list(range(1, 1001))
        assert [row.seq for row in await outbox.pending(LANE, 2499, 1000)] == list(range(2500, 2506))
        await outbox.clear(LANE, 2501)
        assert await pool.fetchval("select array_agg(seq order by seq) from outbox") == list(range(2502, 2506))
        await outbox.clear(LANE, 2504)  # in the middle of a page
        assert [row.value for row in await outbox.pending(LANE, 2504, 1000)] == [b"3/2"]


async def test_few_large_lines_are_read_at_once(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        many = [Publication(LANE, "out", b"k", bytes(1_000_000), packed([])) for _ in range(40)]
        await BatchStore(pool).commit(Batch(fences=[Fence(LANE, 0, 1, 1)], publications=many))
        assert [row.seq for row in await OutboxStore(pool).pending(LANE, 0, 1000)] == list(range(1, 9))


async def test_a_waiter_whose_key_came_between_its_look_and_its_wait_is_woken(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        store = BatchStore(pool)
        wait = WaitChange("account:A", "account:B", "q", "missing", None, None, LANE, None, read=0)
        await store.commit(Batch(states=[state(1, "account:B")], supplies=["account:B"]))
        await store.commit(Batch(states=[state(1)], rewaited=["account:A"], waits=[wait]))
        assert [row.key for row in await store.due([LANE], 10)] == ["account:A"]


async def test_only_who_holds_the_claim_of_a_call_says_what_came_of_it_and_the_next_doubts(stack: Stack, database: str) -> None:
    async with lane_of_ours(stack, database) as pool:
        store = EffectStore(pool)
        await BatchStore(pool).commit(Batch(effects=[EffectChange(uuid.uuid4(), LANE, "account:A", "make", "erp", b"{}", None)]))
        (late,) = await store.claim("erp", 0.0, 1)
        (held,) = await store.claim("erp", 60.0, 1)
        assert (late.doubtful, held.doubtful) == (False, True)
        tried = AttemptRow(held.id, 1, "done", "", "PUT /", "", 200, "")
        await store.postpone(late, 0.0, False, tried)
        assert await store.claim("erp", 60.0, 1) == []
        assert await store.end(late, "rejected", b"{}", tried) is None
        answer = await store.end(held, "done", b"{}", tried)
        assert answer is not None
        assert answer.lane == LANE


@pytest.mark.parametrize(("key", "found"), [("urn:sow:7", 1), ("account:urn:sow:7", 1), ("urn", 0), ("7", 0)])
async def test_letters_are_found_by_the_whole_of_a_key_whose_id_holds_colons(stack: Stack, database: str, key: str, found: int) -> None:
    async with lane_of_ours(stack, database) as pool:
        await pool.execute(LETTER.replace("account:A", "account:urn:sow:7"))
        assert (await LetterStore(pool).count(Asked(key=key)))[0] == found
