"""Files are cut into lines that the door takes, whatever shape they have."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from shared.ops.errors import OpsError
from shared.ops.feed import batches
from shared.ops.feed_files import Item, files_of, items_of

RELEASE = {"ocid": "o-1", "contracts": []}
OTHER = {"ocid": "o-2", "contracts": []}
EVENTS = [{"type": "account", "account_id": "A"}, {"type": "contract", "contract_id": "C"}, {"type": "mapping", "key": "K"}]


def items(tmp_path: Path, name: str, content: str, as_: str = "auto") -> list[tuple[str, object]]:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    return [(item.intake, json.loads(item.line)) for item in items_of(file, as_)]


def test_a_package_is_cut_into_packages_of_one_release_with_their_publisher(tmp_path: Path) -> None:
    package = {"publisher": {"name": "P"}, "license": "x", "releases": [RELEASE, OTHER]}
    wanted = [("ocds", {"publisher": {"name": "P"}, "releases": [release]}) for release in (RELEASE, OTHER)]
    assert items(tmp_path, "a.json", json.dumps(package, indent=1)) == wanted
    assert items(tmp_path, "b.json", json.dumps(package)) == wanted
    assert items(tmp_path, "c.json", json.dumps([package])) == wanted


def test_a_record_package_is_cut_into_records(tmp_path: Path) -> None:
    record = {"ocid": "o-1", "releases": [RELEASE]}
    assert items(tmp_path, "a.json", json.dumps({"records": [record]})) == [("ocds", {"records": [record]})]


def test_json_lines_are_sent_as_they_are_even_a_broken_one(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"package": {"ocid": "o-1"}}\n\n{broken\n')
    assert [(item.position, item.line) for item in items_of(file, "auto")] == [(1, b'{"package": {"ocid": "o-1"}}'), (2, b"{broken")]


def test_our_own_events_go_where_their_type_says(tmp_path: Path) -> None:
    wanted = [("accounts", {"account_id": "A"}), ("clm", {"contract_id": "C"}), ("mappings", {"key": "K"})]
    assert items(tmp_path, "a.ndjson", "\n".join(map(json.dumps, EVENTS))) == wanted
    assert items(tmp_path, "a.json", json.dumps(EVENTS, indent=1), "events") == wanted


def test_amounts_keep_every_digit(tmp_path: Path) -> None:
    ((_, cut),) = items(tmp_path, "a.json", '{"releases": [{"ocid": "o", "v": 0.1000000000000000055511151231257827}]}')
    assert Decimal(cut["releases"][0]["v"]) == Decimal("0.1000000000000000055511151231257827")  # type: ignore[index]


def test_a_broken_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match=r"a\.json is neither JSON nor JSON lines"):
        items(tmp_path, "a.json", '{"releases": [')


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    assert items(tmp_path, "a.json", "\n") == []


def test_a_folder_is_fed_in_the_order_of_its_names(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.json", "notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in files_of([tmp_path])] == ["a.json", "b.jsonl"]


def test_a_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(OpsError, match="does not exist"):
        files_of([tmp_path / "none.json"])


def test_a_batch_ends_where_the_intake_changes_or_it_grows_too_long() -> None:
    made = [Item(n, "clm" if n <= 450 else "accounts", b"{}") for n in range(1, 461)]
    assert [(batch[0].intake, len(batch)) for batch in batches(made)] == [("clm", 200), ("clm", 200), ("clm", 50), ("accounts", 10)]
    assert [item for batch in batches(made) for item in batch] == made


def test_a_large_item_gets_a_batch_of_its_own() -> None:
    made = [Item(n, "ocds", b"x" * 3_000_000) for n in (1, 2)]
    assert [len(batch) for batch in batches(made)] == [1, 1]
