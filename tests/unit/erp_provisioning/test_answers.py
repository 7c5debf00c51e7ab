"""What the ERP adapter makes of answers that no sandbox gives: of a wait without measure, and of what stands between us and the vendor."""

from datetime import UTC, datetime

import msgspec
import pytest
from multidict import CIMultiDict

from services.erp_provisioning.adapters.answers import meaning
from shared.runtime.answers import Unavailable
from shared.wire.http import HttpExchange, HttpReply
from shared.wire.retry_after import LONGEST_S

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


def reply(status: int, body: object = None, **headers: str) -> HttpReply:
    told = CIMultiDict({name.replace("_", "-"): text for name, text in headers.items()})
    return HttpReply(status, told, body, HttpExchange("PUT /a", "", status, msgspec.json.encode(body).decode()))


def refusal(code: str = "USER_ERROR", detail: str = "No.") -> dict[str, object]:
    return {"o:errorDetails": [{"detail": detail, "o:errorCode": code}]}


@pytest.mark.parametrize("status", [429, 503])
def test_no_wait_is_longer_than_a_quarter_of_an_hour(status: int) -> None:
    answer = meaning(reply(status, refusal(), Retry_After="1767225600"), "job P", NOW)
    assert isinstance(answer, Unavailable)
    assert answer.retry_after == LONGEST_S
