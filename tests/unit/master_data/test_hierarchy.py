"""The ultimate parent, on hierarchies of real companies (published LEI relationship records) and on broken ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.master_data.domain.hierarchy import DEEPEST, climb
from shared.kernel.engagement import Account
from shared.messages.engagement import ReadyStatus
from tests.unit.master_data.stage import Stage, account, contract, entity, route

RECORDS = Path(__file__).resolve().parents[4] / "shared" / "data" / "gleif" / "lei_records"


def _data(name: str) -> Any:
    return json.loads((RECORDS / name).read_text())["data"]


def _edges(kind: str) -> list[tuple[str, str]]:
    """(child, parent) of every published record of `kind`."""
    down = [(child["id"], file.stem.rpartition("_")[2]) for file in RECORDS.glob(f"{kind}-children_*.json") for child in _data(file.name)]
    up = [(file.stem.rpartition("_")[2], _data(file.name)["id"]) for file in RECORDS.glob(f"{kind}-parent_*.json")]
    return sorted({*down, *up})


DIRECT = dict(_edges("direct"))
ULTIMATE = _edges("ultimate")


def _is_published_to(child: str, top: str) -> bool:
    """Whether every step from `child` to `top` is among the records; some companies publish their parents only in part."""
    while child in DIRECT and child != top:
        child = DIRECT[child]
    return child == top


WITHIN = [(child, top) for child, top in ULTIMATE if _is_published_to(child, top)]


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    for lei in sorted({*DIRECT, *DIRECT.values()}):
        stage.feed(account(lei, parent_id=DIRECT.get(lei)))
    stage.feed(route(), entity())
    return stage


def test_the_published_records_are_there() -> None:
    assert len(DIRECT) > 40
    assert len(WITHIN) > 30


def test_real_companies_end_at_their_published_ultimate_parent(stage: Stage) -> None:
    for child, top in WITHIN:
        stage.feed(contract(contract_id=f"C-{child}", customer_account_id=child))
        found = stage.last(f"C-{child}").engagement
        assert found is not None
        assert (found.customer.account_id, found.ultimate_parent.account_id) == (child, top)


def test_a_missing_parent_is_waited_for_one_level_at_a_time() -> None:
    stage = Stage()
    stage.feed(route(), entity(), account(parent_id="ACC-2"), contract())
    assert [wait.key for wait in stage.last("C-1").waits] == ["account:ACC-2"]
    stage.feed(account("ACC-2", parent_id="ACC-3"))
    assert [wait.key for wait in stage.last("C-1").waits] == ["account:ACC-3"]
    stage.feed(account("ACC-3"))
    assert stage.last("C-1").status is ReadyStatus.READY


def test_parents_of_each_other_are_a_named_cause_that_correcting_either_cures() -> None:
    for corrected in ("ACC-2", "ACC-3"):
        stage = Stage()
        stage.feed(route(), entity(), account(parent_id="ACC-2"), account("ACC-2", parent_id="ACC-3"), account("ACC-3", parent_id="ACC-2"))
        stage.feed(contract())
        told = stage.last("C-1")
        assert [wait.key for wait in told.waits] == ["account:ACC-2", "account:ACC-3"]
        assert told.cause is not None
        assert told.cause.code == "account-cycle"
        stage.feed(account(corrected, minute=1))
        assert (stage.last("C-1").status, stage.last("C-1").cause) == (ReadyStatus.READY, None)


@pytest.mark.parametrize(("levels", "cause"), [(DEEPEST, None), (DEEPEST + 1, "account-hierarchy-too-deep")])
def test_the_way_up_ends(levels: int, cause: str | None) -> None:
    accounts = {str(i): Account(account_id=str(i), name=f"Level {i}", parent_id=str(i + 1) if i + 1 < levels else None) for i in range(levels)}
    way = climb("0", accounts.get)
    assert (way.cause.code if way.cause else None) == cause
    assert (way.top is None) == (cause is not None)
