"""A seeded fault of each kind in a copy of the schemas is found, and named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.ops import schemas
from shared.wire.avsc import SchemaError
from shared.wire.catalogue import SCHEMAS

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


def change(folder: Path, name: str, edit: Change) -> None:
    path = folder / f"{name}.avsc"
    definition = json.loads(path.read_text())
    edit(definition)
    path.write_text(json.dumps(definition))


def add_field(field: dict[str, Any]) -> Change:
    return lambda definition: definition["fields"].append(field)


def set_field(name: str, **values: Any) -> Change:
    def edit(definition: dict[str, Any]) -> None:
        next(field for field in definition["fields"] if field["name"] == name).update(values)

    return edit


def only(problems: list[str], *words: str) -> None:
    assert problems
    for problem in problems:
        assert all(word in problem for word in words), problem


def test_the_schemas_as_they_are_have_no_fault(folder: Path) -> None:
    assert schemas.check() == []
    assert schemas.check(folder) == []


def test_a_new_field_without_default_is_caught(folder: Path) -> None:
    change(folder, "billing/BillingEvent", add_field({"name": "rate_id", "type": "string", "doc": "Rate that applied."}))
    found = schemas.check(folder)
    assert any("cannot read what an earlier one wrote" in problem and "rate_id" in problem for problem in found), found
    with pytest.raises(SchemaError, match=r"billing\.event\.v1-value cannot be released"):
        schemas.release(folder)


def test_a_removed_field_without_default_is_caught(folder: Path) -> None:
    change(folder, "billing/BillingEvent", lambda definition: definition["fields"].pop(0))
    assert any("an earlier schema cannot read what the new one writes" in problem for problem in schemas.check(folder))


@pytest.mark.parametrize(
    "type_",
    [
        {"type": "bytes", "logicalType": "decimal", "precision": 24, "scale": 2},
        {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4},
        "bytes",
    ],
)
def test_a_changed_meaning_of_the_same_bytes_is_caught(folder: Path, type_: Any) -> None:
    change(folder, "common/Money", set_field("amount", type=type_))
    found = schemas.check(folder)
    assert any("Money.amount changed from decimal/24/4" in problem for problem in found), found


def test_a_changed_meaning_of_a_number_is_caught(folder: Path) -> None:
    change(folder, "billing/BillingEvent", set_field("service_date", type="int"))
    assert any("BillingEvent.service_date changed from date to int" in problem for problem in schemas.check(folder))


def test_an_allowed_change_asks_for_a_release_and_then_is_content(folder: Path) -> None:
    change(folder, "billing/BillingEvent", add_field({"name": "note", "type": ["null", "string"], "default": None, "doc": "Remark."}))
    only(schemas.check(folder), "billing.event.v1-value", "not that of v1", "release")
    assert schemas.release(folder) == [folder / "released" / "billing.event.v1-value" / "v2.avsc"]
    assert schemas.check(folder) == []
    assert schemas.release(folder) == []


def test_a_change_is_held_against_every_release_not_the_last_alone(folder: Path) -> None:
    note = {"name": "note", "type": ["null", "string"], "default": None, "doc": "Remark."}
    change(folder, "billing/BillingEvent", add_field(note))
    schemas.release(folder)
    change(folder, "billing/BillingEvent", lambda definition: definition["fields"].pop())
    schemas.release(folder)
    change(folder, "billing/BillingEvent", add_field(note | {"type": "long", "default": 0}))
    assert any("note" in problem or "type_mismatch" in problem for problem in schemas.check(folder))


def test_missing_docs_are_named_with_file_and_field(folder: Path) -> None:
    change(folder, "common/Wait", lambda definition: definition.pop("doc"))
    change(folder, "common/Wait", set_field("queue", doc=""))
    found = "\n".join(schemas.check(folder))
    assert "Wait.avsc: throughline.common.Wait has no doc" in found
    assert "Wait.avsc: field queue has no doc" in found


def test_recursion_is_refused(folder: Path) -> None:
    field = {"name": "parents", "type": {"type": "array", "items": "throughline.contract.ContractState"}, "default": [], "doc": "Earlier."}
    change(folder, "contract/Revision", add_field(field))
    only(schemas.check(folder), "recursive schema", "ContractState > throughline.contract.Revision")


def test_a_reference_to_nothing_is_named(folder: Path) -> None:
    change(folder, "common/Wait", set_field("queue", type="throughline.common.Queue"))
    only(schemas.check(folder), "throughline.common.Queue", "no .avsc file defines")


def test_a_file_in_the_wrong_folder_is_named(folder: Path) -> None:
    (folder / "common" / "Wait.avsc").rename(folder / "psa" / "Wait.avsc")
    only(schemas.check(folder), "must have namespace throughline.psa")


def test_a_schema_that_no_topic_holds_has_no_owner(folder: Path) -> None:
    orphan = {"type": "enum", "name": "Orphan", "namespace": "throughline.common", "doc": "Unused.", "symbols": ["A"]}
    (folder / "common" / "Orphan.avsc").write_text(json.dumps(orphan))
    only(schemas.check(folder), "throughline.common.Orphan", "no owner")


def test_an_unknown_owner_or_reader_is_named(folder: Path) -> None:
    path = folder / "topics.toml"
    text = path.read_text().replace('owner = "psa_sync"', 'owner = "psa"').replace('readers = ["psa_sync", "visibility"]', 'readers = ["pas_sync"]')
    path.write_text(text)
    found = "\n".join(schemas.check(folder))
    assert "psa.sync.v1 is owned by psa, which is no service" in found
    assert "erp.provisioning.v1 is read by pas_sync, which is no service" in found


def test_a_topic_that_was_released_cannot_vanish(folder: Path) -> None:
    (folder / "released" / "rate.card.v1-value").mkdir()
    only(schemas.check(folder), "rate.card.v1-value", "no such topic")
