"""Accounts and mappings: the latest statement counts, repeats change nothing, nonsense is refused by name."""

from datetime import date
from typing import Any

import msgspec
import pytest

from services.master_data.domain.facts import Entries, KnownAccount
from shared.messages.source import MappingKind
from shared.runtime.decision import Outcome
from tests.unit.master_data.stage import Stage, account, entity, mapping, route


def test_an_account_supplies_its_own_key() -> None:
    stage = Stage()
    assert stage.feed(account()).supplies == ("account:ACC-1",)
    assert stage.feed(account()).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_account_stated_last_stands_in_whatever_order_it_comes(order: tuple[int, ...]) -> None:
    stage = Stage()
    stage.feed(*(account(minute=minute, name=f"Name {minute}") for minute in order))
    known = stage.states["account:ACC-1"]
    assert isinstance(known, KnownAccount)
    assert known.account.name == "Name 2"


def test_an_older_account_is_superseded_and_wakes_nobody() -> None:
    stage = Stage()
    decision = stage.feed(account(minute=5), account(minute=1))
    assert (decision.outcome, decision.supplies) == (Outcome.SUPERSEDED, ())


def test_a_mapping_supplies_its_key_once() -> None:
    stage = Stage()
    assert stage.feed(route()).supplies == ("erp_route:BU-17@emea",)
    assert stage.feed(route()).outcome is Outcome.DUPLICATE


def test_entries_of_different_days_stand_beside_each_other() -> None:
    stage = Stage()
    stage.feed(entity(since=date(2025, 1, 1), code="NEW"), entity(code="OLD"), entity(minute=3, code="OLDER STILL"), entity(minute=2, code="NO"))
    entries = stage.states["legal_entity:BU-17@netsuite-emea"]
    assert isinstance(entries, Entries)
    assert [entry.values["code"] for entry in entries.entries] == ["OLDER STILL", "NEW"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"values": {"code": "FR01", "name": "", "subsidiary": "7"}}, "mapping-incomplete"),
        ({"effective_to": date(2019, 1, 1)}, "end-before-start"),
        ({"kind": MappingKind.TAX}, "mapping-kind-mismatch"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_by_name(change: dict[str, Any], cause: str) -> None:
    decision = Stage().feed(msgspec.structs.replace(entity(), **change))
    assert decision.outcome is Outcome.DEAD_LETTERED
    assert decision.cause is not None
    assert decision.cause.code == cause


def test_a_route_does_not_need_a_legal_entity() -> None:
    assert Stage().feed(mapping("erp_route:BU-1@apac", tenant="netsuite-apac")).outcome is Outcome.APPLIED


def test_mappings_of_kinds_that_others_ask_for_are_passed_over() -> None:
    stage = Stage()
    told = msgspec.structs.replace(entity(), key="erp_setup:currency-CLP@netsuite-latam")
    assert stage.feed(told).outcome is Outcome.DUPLICATE
    assert stage.states == {}
