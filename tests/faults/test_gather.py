"""What a vendor's own journals are read as: nothing that it did is left out, and nothing that it was sown with is counted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest_asyncio

from deploy.sandboxes.process import running
from deploy.sandboxes.sign_in import salesforce_token
from tests.faults.checker.evidence import Evidence, Heard
from tests.faults.checker.gather import add_vendors

PROJECTS = "/services/data/v62.0/sobjects/pse__Proj__c"
NAMED = f"{PROJECTS}/Throughline_Key__c/P_C-1"
ROLLOUT = {"Name": "Rollout", "pse__Start_Date__c": "2026-01-01", "pse__Is_Active__c": True}
CALLS: tuple[tuple[str, str, Any], ...] = (
    ("PATCH", NAMED, {"pse__Heard_Of__c": "never"}),
    ("GET", NAMED, None),
    ("PATCH", NAMED, ROLLOUT),
    ("POST", PROJECTS, ROLLOUT),
)


@pytest_asyncio.fixture
async def evidence(tmp_path: Path) -> AsyncIterator[Evidence]:
    async with running("psa", tmp_path) as psa, aiohttp.ClientSession() as session:
        told = {"Authorization": f"Bearer {await salesforce_token(session, psa.url, 'psa', tmp_path)}"}
        for method, path, body in CALLS:
            async with session.request(method, psa.url + path, json=body, headers=told):
                pass
        silent = tmp_path / "sandboxes" / "netsuite"
        silent.mkdir(parents=True)
        for journal in ("objects", "requests"):
            (silent / f"{journal}.jsonl").touch()
        found = Evidence()
        add_vendors(found, tmp_path)
        yield found


async def test_calls_about_an_object_are_read_in_the_order_in_which_they_came(evidence: Evidence) -> None:
    assert {(call.record, call.external_id) for call in evidence.calls} == {("pse__Proj__c", "P_C-1")}
    assert [call.heard for call in evidence.calls] == [Heard.REFUSED, Heard.SHOWN, Heard.TAKEN]
    assert evidence.calls[-1].digest == evidence.writes[0].digest == evidence.kept[0].digest


async def test_what_names_no_external_id_is_not_left_out(evidence: Evidence) -> None:
    assert [(write.record, write.external_id) for write in evidence.writes] == [("pse__Proj__c", "P_C-1"), ("POST", PROJECTS)]
    assert sorted(each.external_id for each in evidence.objects) == sorted(each.external_id for each in evidence.kept) == ["", "P_C-1"]


async def test_what_the_vendor_was_sown_with_is_nobodys_object(evidence: Evidence) -> None:
    assert {each.record for each in evidence.objects} == {"pse__Proj__c"}
