"""Answers that are not NetSuite's: whoever gives them, they tell nothing of the object, so none is believed."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from deploy.sandboxes.keys import netsuite_key
from services.erp_provisioning.adapters.netsuite import NetSuite
from services.erp_provisioning.adapters.tokens import Credentials
from services.erp_provisioning.domain.plan import plan
from services.erp_provisioning.domain.steps import retirement
from shared.runtime.answers import Absent, Ambiguous, Done, Rejected, Unavailable
from shared.runtime.decision import Intent
from tests.support.between import PAGE, Says, between
from tests.unit.erp_provisioning.samples import contract, engagement, line

CUSTOMER, PROJECT = (Intent(step.name, step.target, step.content) for step in plan(contract(line()), engagement())[:2])
_GONE = retirement("project", "netsuite-emea", "job", "P_SOW-1")
GONE = Intent(_GONE.name, _GONE.target, _GONE.content)
STRANGERS = [
    *(Says(status, PAGE) for status in (200, 201, 202, 301, 302, 400, 403, 404, 408, 409, 502, 503)),
    Says(200, {"status": "ok"}),
    Says(400, {"error": "bad request"}),
    Says(404, {"o:errorDetails": []}),
]


def refusal(status: int, code: str, detail: str = "No.") -> Says:
    return Says(status, {"title": "Bad Request", "status": status, "o:errorDetails": [{"detail": detail, "o:errorCode": code}]})


EXISTS = refusal(400, "USER_ERROR", "Error while accessing a resource. This entity already exists.")
NOT_THERE = refusal(404, "NONEXISTENT_ID")
THROTTLED = refusal(429, "CONCURRENCY_LIMIT_EXCEEDED")
Behind = Callable[..., AbstractAsyncContextManager[NetSuite]]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Behind:
    """The adapter of a tenant behind somebody who says so."""
    key = netsuite_key(tmp_path_factory.mktemp("home"))

    @asynccontextmanager
    async def adapter(*says: Says) -> AsyncIterator[NetSuite]:
        async with between(*says) as url:
            adapter = NetSuite(url, Credentials(key.client_id, key.certificate_id, Path(key.private_file)), deadline=2.0)
            try:
                yield adapter
            finally:
                await adapter.close()

    return adapter


@pytest.mark.parametrize("says", STRANGERS, ids=repr)
@pytest.mark.parametrize("intent", [CUSTOMER, GONE], ids=["made", "retired"])
async def test_after_a_strangers_answer_it_may_have_been_done(behind: Behind, says: Says, intent: Intent) -> None:
    async with behind(says) as adapter:
        assert isinstance((await adapter.send(intent, "e")).answer, Ambiguous)


@pytest.mark.parametrize("says", STRANGERS, ids=repr)
async def test_a_look_that_a_stranger_answers_found_nothing_out(behind: Behind, says: Says) -> None:
    async with behind(says) as adapter:
        assert isinstance(await adapter.look_up(CUSTOMER), Unavailable)


@pytest.mark.parametrize(
    ("then", "answer"),
    [
        (NOT_THERE, Rejected),
        (Says(200, {"id": "7"}), Unavailable),
        (THROTTLED, Ambiguous),
        (Says(404, PAGE), Ambiguous),
        (Says(200, PAGE), Ambiguous),
    ],
    ids=repr,
)
async def test_what_exists_already_is_refused_only_when_the_vendor_says_that_it_does_not(behind: Behind, then: Says, answer: type) -> None:
    async with behind(EXISTS, then) as adapter:
        assert isinstance((await adapter.send(CUSTOMER, "e")).answer, answer)


async def test_what_was_made_and_cannot_be_looked_at_is_in_doubt_and_not_undone(behind: Behind) -> None:
    async with behind(Says(204), THROTTLED) as adapter:
        assert isinstance((await adapter.send(CUSTOMER, "e")).answer, Ambiguous)


async def test_a_reference_that_cannot_be_looked_at_does_not_make_its_object_absent(behind: Behind) -> None:
    async with behind(Says(200, {"id": "8"}), THROTTLED) as adapter:
        finding = await adapter.look_up(PROJECT)
    assert isinstance(finding, Unavailable)
    assert finding.throttled


async def test_the_vendors_own_words_are_believed(behind: Behind) -> None:
    async with behind(NOT_THERE) as adapter:
        assert await adapter.look_up(CUSTOMER) == Absent()
        assert isinstance((await adapter.send(CUSTOMER, "e")).answer, Rejected)
        assert isinstance((await adapter.send(GONE, "e")).answer, Done)
    async with behind(Says(204, headers={"Location": "/record/v1/customer/7"})) as adapter:
        answer = (await adapter.send(CUSTOMER, "e")).answer
    assert isinstance(answer, Done)
    assert answer.internal_id == "7"
