"""Real contracts, all the way: fed from published files, each ends provisioned, waiting for something named, or refused with its reason."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from tests.e2e.whole import DATA, Whole, whole

PORTUGAL = DATA / "ocds" / "portugal_base_2019.json"
MEXICO = DATA / "ocds" / "mexico_inai_releases.jsonl"
CANADA = DATA / "ocds" / "canada_buyandsell_releases.jsonl"


@pytest.fixture(scope="module")
def portugal() -> Iterator[Whole]:
    with whole() as stack:
        stack.feed(PORTUGAL)
        stack.settle()
        yield stack


def file_sum() -> Decimal:
    packages = json.loads(PORTUGAL.read_text(), parse_float=Decimal)
    contracts = [c for package in packages for release in package["releases"] for c in release["contracts"]]
    assert len(contracts) == 100
    return sum((Decimal(c["value"]["amount"]) for c in contracts), Decimal(0))


def test_every_contract_of_a_real_file_is_provisioned(portugal: Whole) -> None:
    counts = portugal.report()["contracts"]
    assert (counts["received"], counts["provisioned"], counts["waiting"], counts["dead_lettered"]) == (100, 100, 0, 0)


def test_netsuite_holds_one_project_for_each_and_their_sum_is_the_files(portugal: Whole) -> None:
    jobs = portugal.jobs()
    assert len(jobs) == 100
    assert max(Counter(job["externalId"] for job in jobs).values()) == 1
    assert portugal.booked() == {"EUR": file_sum()}


def test_feeding_the_same_file_again_changes_nothing_in_any_sandbox(portugal: Whole) -> None:
    before = portugal.holdings()
    portugal.feed(PORTUGAL)
    portugal.settle()
    assert portugal.holdings() == before


def test_one_command_tells_a_contracts_whole_story_in_one_trace(portugal: Whole) -> None:
    story = json.loads(portugal.run("trace", "ocds-px0z7d-5052-5001-1/contract-1", "--json"))
    services = list(dict.fromkeys(step["service"] for step in story["transitions"]))
    assert services == ["contract_events", "master_data", "erp_provisioning", "psa_sync"]
    assert {record["record_type"] for record in story["records"]} >= {
        "customer",
        "job",
        "projectTask",
        "billingSchedule",
        "revRecSchedule",
        "pse__Proj__c",
    }


def test_calls_to_every_system_carry_the_trace_of_the_contracts_own_event(portugal: Whole) -> None:
    contract = "ocds-px0z7d-5052-5001-1/contract-1"
    story = json.loads(portugal.run("trace", contract, "--json"))
    event = UUID(story["transitions"][0]["goes_back_to"]["event_id"])
    keys = {record["external_id"] for record in story["records"] if record["step"] != "customer"}
    calls = [call for name in ("netsuite", "psa") for call in portugal.requests(name) if any(key in call["path"] for key in keys)]
    assert len(calls) == len(keys) == 5
    assert {call["headers"]["traceparent"][3:35] for call in calls} == {event.hex}


@pytest.mark.parametrize(("source", "taken", "refused"), [(MEXICO, 82, 7), (CANADA, 11, 0)], ids=["mexico", "canada"])
def test_every_contract_of_a_messy_file_is_provisioned_or_named_with_its_reason(portugal: Whole, source: Path, taken: int, refused: int) -> None:
    before = portugal.report()["contracts"]["received"]
    fed = json.loads(portugal.feed(source, as_json=True))
    portugal.settle()
    report = portugal.report()
    assert report["contracts"]["received"] - before == taken
    assert [entry["reason"] != "" for entry in fed["files"][0]["refused"]] == [True] * refused
    named = {entry["contract_id"] for entry in report["not_provisioned"]}
    assert report["contracts"]["received"] - report["contracts"]["provisioned"] == len(named)


def test_without_mappings_everything_waits_by_key_until_they_are_loaded(portugal: Whole, tmp_path: Path) -> None:
    mappings = tmp_path / "mappings.json"
    portugal.run("mappings", "export", str(mappings))
    with whole() as other:
        other.feed(PORTUGAL, derive_mappings=False)
        other.settle()
        report = other.report()
        assert (report["contracts"]["received"], report["contracts"]["waiting"], other.jobs()) == (100, 100, [])
        assert sum(wait["count"] for wait in report["waits"].values()) >= 100
        other.run("mappings", "load", str(mappings))
        other.settle()
        assert other.report()["contracts"]["provisioned"] == 100
        assert other.booked() == {"EUR": file_sum()}
        assert Counter(job["externalId"] for job in other.jobs()) == Counter(
            job["externalId"] for job in portugal.jobs() if job["currency"]["externalId"] == "EUR"
        )
