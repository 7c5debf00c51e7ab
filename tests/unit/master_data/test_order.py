"""In whatever order the world speaks, the same is said in the end, and nobody is woken for another's key."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.messages.engagement import EngagementReady, ReadyStatus
from tests.unit.master_data.stage import Message, Stage, account, code, contract, entity, rates, route, service, tax

WORLD: tuple[Message, ...] = (
    account(parent_id="ACC-2"),
    account("ACC-2"),
    account(minute=9, parent_id="ACC-2", bill_to_account_id="ACC-3"),
    account("ACC-3"),
    route(),
    route("apac", "netsuite-apac"),
    entity(),
    entity("ACME-SG", "netsuite-apac", "SG01"),
    code("architect"),
    code("tester"),
    tax(),
    contract(1, rate_card=rates("architect")),
    contract(2, rate_card=rates("architect", "tester")),
    contract(contract_id="C-2", customer_account_id="ACC-2", selling_entity="ACME-SG", region="apac"),
)


def _played(order: list[Message]) -> Stage:
    stage = Stage(service("netsuite-emea"))
    for message in order:
        stage.feed(message)
    return stage


def _essence(ready: EngagementReady) -> tuple[object, ...]:
    return ready.revision, ready.status, ready.contract, ready.engagement, ready.waits


def _last(stage: Stage) -> list[tuple[object, ...]]:
    return [_essence(stage.last(contract_id)) for contract_id in ("C-1", "C-2")]


SETTLED = _last(_played(list(WORLD)))


def test_the_world_settles_with_every_contract_ready() -> None:
    assert [essence[1] for essence in SETTLED] == [ReadyStatus.READY, ReadyStatus.READY]


# The customer's bill-to is restated once. A contract that was ready before keeps what it was told, so the restatement comes before contracts.
@settings(max_examples=300, deadline=None)
@given(st.permutations([m for m in WORLD if m is not WORLD[2]]), st.data())
def test_every_order_ends_the_same(order: list[Message], data: st.DataObject) -> None:
    first_contract = min(i for i, m in enumerate(order) if m in WORLD[11:])
    restated = data.draw(st.integers(0, first_contract))
    repeats = data.draw(st.lists(st.sampled_from(WORLD), max_size=4))
    stage = _played([*order[:restated], WORLD[2], *order[restated:], *repeats])
    assert _last(stage) == SETTLED
    assert not any(stage.waits.values())


@settings(max_examples=100, deadline=None)
@given(st.permutations(WORLD))
def test_each_supplied_key_wakes_exactly_its_waiters(order: list[Message]) -> None:
    stage = Stage(service("netsuite-emea"))
    for message in order:
        before, told = dict(stage.waits), len(stage.woken)
        decision = stage.feed(message)
        waiters = {(key, waiter) for key in decision.supplies for waiter, wanted in before.items() if key in wanted}
        assert set(stage.woken[told:]) == waiters
        assert len(stage.woken[told:]) == len(waiters)
