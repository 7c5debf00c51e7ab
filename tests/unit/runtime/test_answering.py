"""What is recorded of an answer, whatever another system put into it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
import pytest

from shared.kernel.cause import Cause
from shared.runtime.answering import Answering
from shared.runtime.answers import Ambiguous, Answer, Done, Exchange, Faulty, Rejected, Reply, Unavailable
from shared.runtime.work import AnswerBody
from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import InboxRow

BAD = "A\x00B\ud800C"
CALL = ClaimedEffect(UUID(int=1), UUID(int=2), 1, ("in.v1", 0), "contract:C", "project", "erp", b"{}", None, False, 1, False, 0.0)


@dataclass
class Kept:
    """Effects that keep what they are told, as strictly as PostgreSQL."""

    texts: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def waiting(self) -> dict[str, int]:
        raise AssertionError("nothing is claimed here")

    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]:
        raise AssertionError("nothing is claimed here")

    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow) -> None:
        self._keep(attempt)

    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None:
        self.texts.append(why)
        self._keep(attempt)

    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow) -> InboxRow | None:
        self.bodies.append(body)
        self._keep(attempt)
        return None

    def _keep(self, attempt: AttemptRow) -> None:
        self.texts += [attempt.detail, attempt.request, attempt.request_body, attempt.response_body]


async def recorded(answer: Answer) -> Kept:
    kept = Kept()
    await Answering(kept, lambda row: None, lambda low, high: high).record(CALL, Reply(answer, Exchange(BAD, BAD, 400, BAD)), 1)
    return kept


@pytest.mark.parametrize(
    "answer",
    [Done(BAD, BAD, {BAD: BAD}), Rejected(Cause(BAD, BAD)), Unavailable(BAD), Ambiguous(BAD), Faulty(BAD)],
    ids=lambda answer: type(answer).__name__,
)
async def test_an_answer_with_characters_that_no_table_takes_is_recorded_without_them(answer: Answer) -> None:
    kept = await recorded(answer)
    assert all("A\ufffdB\ufffdC" in text for text in kept.texts)
    assert not any(bad in text for text in kept.texts for bad in "\x00\ud800")


async def test_the_decider_gets_the_refusal_as_it_was_recorded() -> None:
    [body] = (await recorded(Rejected(Cause("USER_ERROR", BAD)))).bodies
    assert msgspec.json.decode(body, type=AnswerBody).rejected == Rejected(Cause("USER_ERROR", "A\ufffdB\ufffdC"))
