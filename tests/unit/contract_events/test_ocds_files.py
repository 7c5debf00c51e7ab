"""Real publications, counted: what is taken, what is refused and why, and that no cent is lost."""

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from services.contract_events.domain.decide import Verdict, take
from services.contract_events.domain.events import Kind
from services.contract_events.domain.lineage import Lineage
from services.contract_events.domain.ocds.facts import Publication, Refused
from services.contract_events.domain.ocds.publications import read_publication
from services.contract_events.policy import DEFAULT
from shared.kernel.contract import Contract, ContractStatus, RevisionKind
from tests.unit.contract_events.examples import NOW

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
if not DATA.is_dir():
    pytest.skip("the published files are not beside this checkout", allow_module_level=True)
PORTUGAL = "ocds/portugal_base_2019.json"
MEXICO = "ocds/mexico_inai_releases.jsonl"
CANADA = "ocds/canada_buyandsell_releases.jsonl"


def documents(file: str) -> Iterator[object]:
    content = (DATA / file).read_text(encoding="utf-8")
    for part in content.splitlines() if file.endswith("l") else [content]:
        yield json.loads(part, parse_float=Decimal)


def read(file: str, derive: bool = True) -> list[Publication]:
    return [read_publication(document, DEFAULT, derive) for document in documents(file)]


def settled(publications: list[Publication], known: dict[str, Lineage] | None = None) -> tuple[dict[str, Lineage], Counter[Verdict]]:
    """What the service makes of all the reports, and how often it answered what."""
    lineages: dict[str, Lineage] = dict(known or {})
    verdicts: Counter[Verdict] = Counter()
    for publication in publications:
        for taken in publication.taken:
            for event in taken.events:
                step = take(lineages.get(taken.contract_id, Lineage(contract_id=taken.contract_id)), event, DEFAULT, NOW)
                assert step.cause is None, step.cause
                lineages[taken.contract_id] = step.lineage
                verdicts[step.verdict] += 1
    return lineages, verdicts


def refused(publications: list[Publication]) -> list[Refused]:
    return [one for publication in publications for one in publication.refused]


def contract(lineage: Lineage) -> Contract:
    assert lineage.current is not None
    return lineage.current


def sums(lineages: dict[str, Lineage]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for lineage in lineages.values():
        value = contract(lineage).total_value
        total[value.currency] = total.get(value.currency, Decimal(0)) + value.amount
    return total


def raw_sums(releases: list[dict[str, list[dict[str, dict[str, object]]]]], missing: str = "") -> dict[str, Decimal]:
    """The file's own sums, added up without our reader; `missing` is the currency of the values that state none."""
    total: dict[str, Decimal] = {}
    for release in releases:
        for one in release["contracts"]:
            value = one.get("value") or {}
            if value.get("amount") is not None:
                currency = str(value.get("currency") or missing)
                total[currency] = total.get(currency, Decimal(0)) + Decimal(str(value["amount"]))
    return total


def lines_of(file: str) -> list[dict[str, list[dict[str, dict[str, object]]]]]:
    return [document["package"] for document in documents(file)]  # type: ignore[index]


def test_portugal_gives_a_hundred_contracts_and_its_own_sum() -> None:
    publications = read(PORTUGAL)
    lineages, verdicts = settled(publications)
    assert (len(lineages), verdicts, refused(publications)) == (100, Counter({Verdict.APPLIED: 100}), [])
    releases = [release for package in documents(PORTUGAL) for release in package[0]["releases"]]  # type: ignore[index]
    assert sums(lineages) == raw_sums(releases)
    assert {contract(lineage).status for lineage in lineages.values()} == {ContractStatus.APPROVED}
    assert {contract(lineage).region for lineage in lineages.values()} == {"emea"}


def test_portuguese_contracts_that_are_all_called_contract_1_are_told_apart() -> None:
    ids = [taken.contract_id for publication in read(PORTUGAL) for taken in publication.taken]
    assert ids[0] == "ocds-px0z7d-5052-5001-1/contract-1"
    assert len(set(ids)) == 100


def test_a_portuguese_duration_without_a_start_begins_on_the_release_date_and_says_so() -> None:
    first = read(PORTUGAL)[0].taken[0].events[0].contract
    assert first is not None
    assert (str(first.start_date), str(first.end_date)) == ("2019-11-25", "2019-12-14")
    assert ("start_date", "begins on the release's date") in [(mark.field, mark.rule) for mark in first.inferred]


def test_mexico_gives_82_of_89_contracts_and_names_the_7_without_a_value() -> None:
    publications = read(MEXICO)
    lineages, _ = settled(publications)
    assert len(lineages) == 82
    assert sorted((one.contract_id, one.code) for one in refused(publications)) == [
        ("PC-0015/Fallido", "missing-value"),
        ("PC-0016/Fallido", "missing-value"),
        ("PC-0017/Fallido", "missing-value"),
        ("PC-0055/OA/A055", "missing-value"),
        ("PC-0056/OA/A056", "missing-value"),
        ("PC-0057/OA/A057", "missing-value"),
        ("PC-0058/OA/A058", "missing-value"),
    ]
    assert sums(lineages) == raw_sums(lines_of(MEXICO), missing="MXN")
    assert {contract(lineage).region for lineage in lineages.values()} == {"americas"}


def test_mexico_has_ids_that_are_missing_numbers_and_repeated() -> None:
    lineages, _ = settled(read(MEXICO))
    assert {"PC-0001/OA/A001", "PC-0003/1433496", "PC-0087/1360250/OA/A087", "PC-0087/1360250/OA/A088"} <= lineages.keys()


def test_mexico_s_missing_currency_is_the_one_of_its_award() -> None:
    lineages, _ = settled(read(MEXICO))
    found = contract(lineages["PC-0026/1307510"])
    assert found.currency == "MXN"
    assert [mark.rule for mark in found.inferred if mark.field == "currency"] == ["currency of its award"]


def test_mexico_s_35_milestones_and_its_described_amendment_are_kept() -> None:
    lineages, _ = settled(read(MEXICO))
    assert sum(len(contract(lineage).milestones) for lineage in lineages.values()) == 35
    amended = lineages["PC-0063/1237694"]
    assert [revision.kind for revision in amended.revisions] == [RevisionKind.BASE, RevisionKind.AMENDMENT]
    assert contract(amended).total_value.amount == Decimal(361920)


def test_canada_gives_11_contracts_whose_base_and_amendments_make_the_value_exactly() -> None:
    publications = read(CANADA)
    lineages, verdicts = settled(publications)
    assert (len(lineages), refused(publications)) == (11, [])
    assert verdicts == Counter({Verdict.APPLIED: 31, Verdict.DUPLICATE: 31})  # every contract stands in the file twice, in two shapes
    assert sum(len(lineage.revisions) > 1 for lineage in lineages.values()) == 8
    assert sum(len(lineage.revisions) - 1 for lineage in lineages.values()) == 20
    one_of_each = list({release["ocid"]: release for release in lines_of(CANADA)}.values())
    assert sums(lineages) == raw_sums(one_of_each)
    assert all(sum(r.delta.amount for r in lineage.revisions) == contract(lineage).total_value.amount for lineage in lineages.values())


def test_a_canadian_lineage_has_its_negative_amendment_and_its_last_day() -> None:
    lineage = settled(read(CANADA))[0]["ocds-34a6hz-01896-110201/001/WPG/01896-110201/001/WPG"]
    deltas = [int(revision.delta.amount) for revision in lineage.revisions]
    assert deltas == [2200000, 0, 0, 600000, 1000000, 0, 600000, -600000]
    assert (str(contract(lineage).end_date), contract(lineage).lines[0].amount) == ("2016-07-31", contract(lineage).total_value)
    assert contract(lineage).status is ContractStatus.APPROVED


def test_the_canadian_entries_that_do_not_add_up_leave_one_revision_with_a_note() -> None:
    lineage = settled(read(CANADA))[0]["ocds-34a6hz-01044-060931/001/USW/01044-060931/001/USW"]
    assert len(lineage.revisions) == 1
    assert [mark.rule for mark in contract(lineage).inferred if mark.field == "amendments"] == [
        "2 numbered amendments do not add up to the contract's value: one base revision"
    ]


def test_canada_has_no_suppliers_so_the_business_unit_sells() -> None:
    publications = read(CANADA)
    assert {taken.events[0].contract.selling_entity for p in publications for taken in p.taken if taken.events[0].contract} == {None}
    assert {fact.key for p in publications for fact in p.mappings} == {
        "erp_route:ocds-34a6hz@americas",
        "legal_entity:ocds-34a6hz@netsuite-us",
    }


@pytest.mark.parametrize("file", [PORTUGAL, MEXICO, CANADA])
def test_reading_a_file_again_is_nothing_but_repeats(file: str) -> None:
    once, _ = settled(read(file))
    again, verdicts = settled(read(file), once)
    assert (again, set(verdicts)) == (once, {Verdict.DUPLICATE})


@pytest.mark.parametrize("file", [PORTUGAL, MEXICO, CANADA])
def test_every_contract_s_account_and_mappings_come_with_it(file: str) -> None:
    for publication in read(file):
        accounts = {account.account_id for account in publication.accounts}
        mappings = {mapping.key for mapping in publication.mappings}
        for taken in publication.taken:
            stated = next(event.contract for event in taken.events if event.kind is Kind.CONTRACT)
            assert stated is not None
            assert stated.customer_account_id in accounts
            assert f"erp_route:{stated.business_unit}@{stated.region}" in mappings
    assert not any(publication.mappings for publication in read(file, derive=False))


def test_a_record_s_history_becomes_a_base_its_amendment_and_a_correction() -> None:
    (publication,) = read("ocds_spec_examples/change_history/records/contractAmendment.json")
    ((_, lineage),) = settled([publication])[0].items()
    assert [(r.kind.value, int(r.delta.amount)) for r in lineage.revisions] == [
        ("BASE", 11_000_000),
        ("AMENDMENT", 0),
        ("CORRECTION", 2_500_000),
    ]
    assert (contract(lineage).currency, str(contract(lineage).end_date)) == ("GBP", "2011-10-30")


def test_a_record_with_amounts_as_text_is_read_exactly() -> None:
    (publication,) = read("ocds_spec_examples/amendments/easy_releases.json")
    ((_, lineage),) = settled([publication])[0].items()
    assert contract(lineage).total_value.amount == Decimal("755969.71")
    assert contract(lineage).region == "apac"


def test_releases_without_contracts_give_none() -> None:
    (publication,) = read("ocds_spec_examples/change_history/records/tenderUpdate.json")
    assert (publication.releases, publication.taken, publication.refused) == (2, (), ())


def test_a_pending_contract_waits_for_approval() -> None:
    (publication,) = read("decp_modification_vectors/expectedResult/001_marche_simple.json")
    ((_, lineage),) = settled([publication])[0].items()
    assert contract(lineage).status is ContractStatus.IN_APPROVAL
