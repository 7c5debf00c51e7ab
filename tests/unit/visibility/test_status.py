"""Where a contract is does not depend on the order in which topics are read."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.visibility.domain.status import Condition, Stage, Status, status_of
from services.visibility.ports.rows import LetterRow, StatusRow, TransitionRow
from shared.messages.contract import ContractStatus
from shared.runtime.decision import Outcome
from tests.unit.visibility.stories import (
    CONTRACT_TOPIC,
    ERP_TOPIC,
    MAPPING,
    NOW,
    PSA_TOPIC,
    READY_TOPIC,
    Reading,
    agreed,
    at,
    cause,
    erp,
    in_psa,
    letter,
    money,
    origin,
    ready,
    wait_on,
    whole_way,
)

ID = "SOW-2041"
DLT = "erp_provisioning.dlt.v1"
AMENDED: tuple[tuple[str, Any], ...] = (
    (CONTRACT_TOPIC, agreed(ID, 0, status=ContractStatus.IN_APPROVAL, waits=(wait_on(f"approval:{ID}/legal", 0, "legal"),))),
    (CONTRACT_TOPIC, agreed(ID, 1)),
    (CONTRACT_TOPIC, agreed(ID, 50, 2, total_value=money("900000"))),
    (READY_TOPIC, ready(ID, 2, status="WAITING", waits=(wait_on(MAPPING, 2),), origin=origin(CONTRACT_TOPIC, 1))),
    (READY_TOPIC, ready(ID, 40, origin=origin(CONTRACT_TOPIC, 1))),
    (READY_TOPIC, ready(ID, 51, 2, origin=origin(CONTRACT_TOPIC, 2))),
    (ERP_TOPIC, erp(ID, 42, status="IN_PROGRESS", origin=origin(READY_TOPIC, 1))),
    (ERP_TOPIC, erp(ID, 43, origin=origin(READY_TOPIC, 1))),
    (ERP_TOPIC, erp(ID, 52, 2, status="IN_PROGRESS", origin=origin(READY_TOPIC, 2))),
    (PSA_TOPIC, in_psa(ID, 45, origin=origin(ERP_TOPIC, 1))),
    (DLT, letter(READY_TOPIC, 1, group="erp_provisioning")),
    (DLT, letter(READY_TOPIC, 3, group="erp_provisioning")),
)


def fold(records: list[tuple[int, str, Any]]) -> Reading:
    reading = Reading()
    for offset, topic, message in records:
        reading.read(topic, message, key=ID, offset=offset)
    return reading


def numbered(records: tuple[tuple[str, Any], ...]) -> list[tuple[int, str, Any]]:
    counts: dict[str, int] = {}
    found = []
    for topic, message in records:
        found.append((counts.setdefault(topic, 0), topic, message))
        counts[topic] += 1
    return found


def status(reading: Reading) -> Status:
    found = status_of(reading.tracked(ID))
    assert found is not None
    return found


@given(st.permutations(numbered(AMENDED)))
@settings(max_examples=200, deadline=None)
def test_any_order_of_reading_gives_the_same_status(order: list[tuple[int, str, Any]]) -> None:
    assert status(fold(order)) == status(fold(numbered(AMENDED)))


@given(st.lists(st.sampled_from(numbered(AMENDED)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_reading_a_record_again_changes_nothing(again: list[tuple[int, str, Any]]) -> None:
    reading = fold(numbered(AMENDED))
    before = reading.tracked(ID)
    for offset, topic, message in again:
        assert not reading.read(topic, message, key=ID, offset=offset).emits
    assert reading.tracked(ID) == before


@pytest.mark.parametrize(("read", "stage"), [(1, Stage.APPROVED), (2, Stage.VALIDATED), (3, Stage.VALIDATED), (4, Stage.IN_ERP), (5, Stage.ACTIVE)])
def test_each_service_that_is_done_moves_the_contract_on(read: int, stage: Stage) -> None:
    reading = Reading()
    for topic, message in list(whole_way(ID))[:read]:
        reading.read(topic, message)
    assert reading.statuses[-1].stage.value == stage.value


def test_an_active_contract_stays_active_while_its_amendment_waits() -> None:
    reading = Reading()
    for topic, message in whole_way(ID):
        reading.read(topic, message)
    reading.read(CONTRACT_TOPIC, agreed(ID, 50, 2, total_value=money("900000")))
    reading.read(READY_TOPIC, ready(ID, 51, 2, status="WAITING", waits=(wait_on(MAPPING, 51),)))
    last = reading.statuses[-1]
    assert (last.stage, last.condition, last.revision, last.active_at) == ("ACTIVE", "WAITING", 2, at(3))
    assert [wait.key for wait in last.waits] == [MAPPING]


def test_a_rejection_stops_the_contract_with_its_cause_until_a_revision_gets_through() -> None:
    reading = Reading()
    for topic, message in list(whole_way(ID))[:2]:
        reading.read(topic, message)
    reading.read(ERP_TOPIC, erp(ID, 5, status="REJECTED", cause=cause(), origin=origin(READY_TOPIC, 0)))
    assert reading.statuses[-1].condition == "DEAD_LETTERED"
    assert reading.statuses[-1].cause == cause()
    reading.read(ERP_TOPIC, erp(ID, 9, 2, origin=origin(READY_TOPIC, 1)))
    assert reading.statuses[-1].condition == "FLOWING"
    assert reading.statuses[-1].cause is None


def test_a_dead_letter_stands_until_its_service_went_past_it() -> None:
    reading = Reading()
    for topic, message in list(whole_way(ID))[:2]:
        reading.read(topic, message)
    reading.read(DLT, letter(READY_TOPIC, 0, group="erp_provisioning"), key=ID)
    assert status(reading).condition is Condition.DEAD_LETTERED
    reading.read(ERP_TOPIC, erp(ID, 8, status="IN_PROGRESS", origin=origin(READY_TOPIC, 0)))
    assert status(reading).condition is Condition.DEAD_LETTERED, "work begun before the record was buried does not lift it"
    later = (NOW + timedelta(minutes=5) - at(0)).total_seconds()
    reading.read(ERP_TOPIC, erp(ID, later, origin=origin(READY_TOPIC, 0)))
    assert status(reading).condition is Condition.FLOWING


def test_a_contract_known_only_by_its_dead_letter_is_listed_without_a_value() -> None:
    reading = Reading()
    reading.read("contract_events.dlt.v1", letter("source.clm.contract.v1", 7, group="contract_events"), key="POISON-1")
    [listed] = [row for row in reading.rows if isinstance(row, StatusRow)]
    assert (listed.status.condition, listed.status.facts) == (Condition.DEAD_LETTERED, None)
    assert listed.status.cause is not None
    assert listed.status.cause.code == "undecodable"
    assert not reading.statuses


def test_a_dead_letter_of_a_mapping_is_listed_and_stops_no_contract() -> None:
    reading = Reading()
    reading.read("master_data.dlt.v1", letter("source.reference.mapping.v1", 3, group="master_data"), key=MAPPING)
    [row] = reading.rows
    assert isinstance(row, LetterRow)
    assert row.contract_id is None
    assert not reading.states


def test_a_cancelled_contract_is_closed_when_the_erp_and_the_psa_have_let_go() -> None:
    reading = Reading()
    for topic, message in whole_way(ID):
        reading.read(topic, message)
    reading.read(CONTRACT_TOPIC, agreed(ID, 60, status=ContractStatus.CANCELLED))
    reading.read(ERP_TOPIC, erp(ID, 61, status="CLOSED"))
    assert status(reading).stage is Stage.ACTIVE
    reading.read(PSA_TOPIC, in_psa(ID, 62, status="CLOSED"))
    assert (status(reading).stage, status(reading).stage_since) == (Stage.CLOSED, at(62))


def test_a_cancelled_contract_that_no_system_took_up_is_closed_at_once() -> None:
    reading = Reading()
    reading.read(CONTRACT_TOPIC, agreed(ID, 0, status=ContractStatus.IN_APPROVAL))
    reading.read(CONTRACT_TOPIC, agreed(ID, 9, status=ContractStatus.CANCELLED))
    assert status(reading).stage is Stage.CLOSED


def test_a_record_that_changes_nothing_visible_emits_no_status() -> None:
    reading = Reading()
    for topic, message in list(whole_way(ID))[:2]:
        reading.read(topic, message)
    told = len(reading.statuses)
    decision = reading.read(READY_TOPIC, ready(ID, 4))
    assert decision.outcome is Outcome.APPLIED
    assert len(reading.statuses) == told
    assert isinstance(decision.rows[0], TransitionRow)


def test_what_an_earlier_service_waits_for_shows_after_a_later_one_reported() -> None:
    reading = Reading()
    reading.read(ERP_TOPIC, erp(ID, 2, status="IN_PROGRESS"))
    assert status_of(reading.tracked(ID)) is None, "without the contract itself there is nothing to say yet"
    reading.read(CONTRACT_TOPIC, agreed(ID, 0))
    assert status(reading).tenant == "netsuite-emea"


def test_no_row_of_a_dead_letter_holds_its_payload() -> None:
    reading = Reading()
    reading.read("contract_events.dlt.v1", letter("source.clm.contract.v1", 7, group="contract_events"), key=ID)
    assert b"secret payload" not in repr(reading.rows).encode()
