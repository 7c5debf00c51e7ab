"""The NetSuite sandbox's table of fields is the published list, no field more and none less."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.sandboxes.netsuite.contract import records

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "specs" / "netsuite" / "record_rest_v1_2026.1_subset.json"
OURS = ROOT / "deploy" / "sandboxes" / "netsuite" / "records.json"

HEADERS = {"customer": "customer_partial", "job": "job", "projectTask": "projectTask", "billingSchedule": "billingSchedule"}
HEADERS["revRecSchedule"] = "revRecSchedule"
LINES = [
    ("projectTask", "assignee"),
    ("projectTask", "predecessor"),
    ("billingSchedule", "milestone"),
    ("billingSchedule", "recurrence"),
    ("revRecSchedule", "recurrence"),
]

pytestmark = pytest.mark.skipif(not PUBLISHED.exists(), reason="the published field lists are not on this machine")


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    schemas: dict[str, Any] = json.loads(PUBLISHED.read_text())["schemas"]
    return schemas


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(OURS.read_text())
    return told


@pytest.mark.parametrize("record", HEADERS)
def test_header_fields_and_types_are_the_published_ones(published: dict[str, Any], ours: dict[str, Any], record: str) -> None:
    assert ours[record]["fields"] == published[HEADERS[record]]


@pytest.mark.parametrize(("record", "sublist"), LINES)
def test_line_fields_and_types_are_the_published_ones(published: dict[str, Any], ours: dict[str, Any], record: str, sublist: str) -> None:
    assert ours[record]["lines"][sublist]["fields"] == published[f"{record}.{sublist}.items[]"]


@pytest.mark.parametrize("record", ["job", "projectTask"])
def test_what_rest_does_not_support_is_the_published_list(published: dict[str, Any], ours: dict[str, Any], record: str) -> None:
    named = [each for each in published[f"{record}_unsupported_in_REST"] if " " not in each]
    assert ours[record]["unsupported"] == named


def test_addresses_and_billing_frequencies_are_the_published_ones(published: dict[str, Any], ours: dict[str, Any]) -> None:
    assert ours["customer"]["lines"]["addressBook"]["objects"]["addressBookAddress"] == published["addressBookAddress"]
    assert ours["billingSchedule"]["enums"]["frequency"] == published["billingSchedule.frequency.enum"]


def test_every_field_has_a_type_that_is_checked() -> None:
    kinds = {field.kind for record in records().values() for field in record.fields.values()}
    assert kinds <= {"string", "bool", "int64", "double", "float", "date", "date-time", "ref", "enum", "sublist", "collection", "array"}
