"""What the PSA adapter makes of answers that no sandbox gives: of a wait without measure, and of what stands between us and the vendor."""

from datetime import UTC, datetime

import msgspec
import pytest
from multidict import CIMultiDict

from services.psa_sync.adapters.answers import meaning, unsure
from shared.runtime.answers import Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import LONGEST_S

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


def reply(status: int, body: object = None, **headers: str) -> HttpReply:
    told = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    return HttpReply(status, told, body, HttpExchange("PATCH /a", "", status, msgspec.json.encode(body).decode()))


def refusal(code: str = "INVALID_FIELD", message: str = "No.") -> list[dict[str, object]]:
    return [{"errorCode": code, "message": message}]


@pytest.mark.parametrize(("status", "code"), [(403, "REQUEST_LIMIT_EXCEEDED"), (503, "SERVER_UNAVAILABLE")])
def test_no_wait_is_longer_than_a_quarter_of_an_hour(status: int, code: str) -> None:
    answer = meaning(reply(status, refusal(code), Retry_After="1767225600"), "pse__Proj__c P", NOW)
    assert isinstance(answer, Unavailable)
    assert answer.retry_after == LONGEST_S


@pytest.mark.parametrize(
    ("status", "code", "of_target"),
    [
        (400, "UNABLE_TO_LOCK_ROW", False),
        (400, "DUPLICATE_VALUE", False),
        (401, "INVALID_SESSION_ID", True),
        (403, "REQUEST_LIMIT_EXCEEDED", True),
        (503, "SERVER_UNAVAILABLE", True),
    ],
)
def test_what_is_about_one_object_is_told_from_how_the_org_is(status: int, code: str, of_target: bool) -> None:
    answer = meaning(reply(status, refusal(code)), "pse__Proj__c P", NOW)
    assert isinstance(answer, Unavailable)
    assert answer.of_target is of_target


def test_a_look_that_is_refused_is_about_its_object_and_one_that_a_stranger_answers_is_not() -> None:
    assert not unsure(reply(400, refusal("MALFORMED_ID")), "pse__Proj__c P", NOW).answer.of_target
    assert not unsure(reply(403, refusal("INSUFFICIENT_ACCESS")), "pse__Proj__c P", NOW).answer.of_target
    assert unsure(reply(400, {"error": "bad request"}), "pse__Proj__c P", NOW).answer.of_target
