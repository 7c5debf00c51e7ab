"""Answers that are not the PSA's: whoever gives them, they tell nothing of the object, so none is believed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.psa_sync.adapters.psa import Psa
from services.psa_sync.domain.plan import plan, retirement
from shared.kernel.contract import Contract
from shared.messages.reshape import reshape
from shared.runtime.answers import Absent, Ambiguous, Done, Rejected, Unavailable
from shared.runtime.decision import Intent
from tests.support.between import PAGE, Says, between
from tests.unit.psa_sync.stage import contract

STEPS = {step.name: step for step in plan(reshape(contract(), Contract), {"architect": "ARCH"})}
PROJECT, MILESTONE = (Intent(name, "psa", STEPS[name].content(True)) for name in ("project", "milestone:M1"))
GONE = Intent("project", "psa", retirement("project", "pse__Proj__c", "P_C-1").content(False))
STRANGERS = [
    *(Says(status, PAGE) for status in (200, 201, 202, 300, 301, 302, 400, 403, 404, 408, 409, 502, 503)),
    Says(200, {"status": "ok"}),
    Says(400, {"error": "bad request"}),
    Says(404, []),
]


def refusal(status: int, code: str) -> Says:
    return Says(status, [{"errorCode": code, "message": "No."}])


NOT_THERE = refusal(404, "NOT_FOUND")
THROTTLED = refusal(403, "REQUEST_LIMIT_EXCEEDED")


@asynccontextmanager
async def behind(*says: Says) -> AsyncIterator[Psa]:
    """The adapter of an org behind somebody who says so."""
    async with between(*says) as url:
        adapter = Psa(url, "throughline", lambda: "secret", deadline=2.0)
        try:
            yield adapter
        finally:
            await adapter.close()


@pytest.mark.parametrize("says", STRANGERS, ids=repr)
@pytest.mark.parametrize("intent", [PROJECT, GONE], ids=["made", "retired"])
async def test_after_a_strangers_answer_it_may_have_been_done(says: Says, intent: Intent) -> None:
    async with behind(says) as adapter:
        assert isinstance((await adapter.send(intent, "e")).answer, Ambiguous)


@pytest.mark.parametrize("says", STRANGERS, ids=repr)
async def test_a_look_that_a_stranger_answers_found_nothing_out(says: Says) -> None:
    async with behind(says) as adapter:
        assert isinstance(await adapter.look_up(PROJECT), Unavailable)


async def test_a_reference_that_cannot_be_looked_at_does_not_make_its_object_absent() -> None:
    async with behind(Says(200, {"Id": "a01"}), THROTTLED) as adapter:
        finding = await adapter.look_up(MILESTONE)
    assert isinstance(finding, Unavailable)
    assert finding.throttled


async def test_the_vendors_own_words_are_believed() -> None:
    async with behind(NOT_THERE) as adapter:
        assert await adapter.look_up(PROJECT) == Absent()
        assert isinstance((await adapter.send(PROJECT, "e")).answer, Rejected)
        assert isinstance((await adapter.send(GONE, "e")).answer, Done)
    async with behind(Says(201, {"id": "a01", "success": True, "errors": [], "created": True})) as adapter:
        answer = (await adapter.send(PROJECT, "e")).answer
    assert isinstance(answer, Done)
    assert answer.internal_id == "a01"


async def test_a_key_that_several_objects_have_is_refused() -> None:
    async with behind(Says(300, ["/services/data/v62.0/sobjects/pse__Proj__c/a01", "/services/data/v62.0/sobjects/pse__Proj__c/a02"])) as adapter:
        answer = (await adapter.send(PROJECT, "e")).answer
    assert isinstance(answer, Rejected)
    assert answer.cause.code == "MULTIPLE_CHOICES"
