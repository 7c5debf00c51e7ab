"""What the PSA adapter makes of answers that no sandbox gives: of a wait without measure, and of what stands between us and the vendor."""

from datetime import UTC, datetime

import msgspec
import pytest
from multidict import CIMultiDict

from services.psa_sync.adapters.answers import meaning
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
