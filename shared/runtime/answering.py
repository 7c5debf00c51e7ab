"""What calls were answered, recorded: ended, with the answer in the inbox of their lane, or put off, or in doubt."""

from collections.abc import Callable

import msgspec

from shared.runtime.answers import Ambiguous, Answer, Done, Faulty, Rejected, Reply, Unavailable
from shared.runtime.ports import Chance, Effects
from shared.runtime.retry import Backoff, delay_before
from shared.runtime.storable import storable
from shared.runtime.work import AnswerBody
from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import InboxRow
from shared.telemetry import logs
from shared.telemetry.logs import whose
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)
RETRY = Backoff(first=0.5, limit=60.0)


class Answering:
    """`answered` hears of every row that was put into an inbox here."""

    def __init__(self, effects: Effects, answered: Callable[[InboxRow], None], chance: Chance) -> None:
        self.effects, self.answered, self.chance = effects, answered, chance

    async def record(self, effect: ClaimedEffect, reply: Reply, ms: int) -> None:
        reply = storable(reply)  # here, so that no adapter can bring an answer that is never kept, and asked for again for ever
        outcome, detail = _words(reply.answer)
        x = reply.exchange
        attempt = AttemptRow(effect.id, ms, outcome, detail, x.request, x.request_body, x.status, x.response_body)
        METRICS.effects.labels(effect.target, outcome).inc()
        said = {"target": effect.target, "step": effect.step, "attempt": effect.attempts, "ms": ms} | whose(effect.key, effect.trace)
        jitter = self.chance(0.01, 1)
        match reply.answer:
            case Unavailable(retry_after=after):
                await self.effects.postpone(effect, delay_before(effect.attempts, jitter, RETRY, after), effect.doubtful, attempt)
                log.warning("call_postponed", reason=detail, **said)
            case Faulty():
                await self.effects.fault(effect, delay_before(effect.attempts, jitter, RETRY), detail, attempt)
                log.error("call_faulty", reason=detail, **said)
            case Ambiguous():
                await self.effects.postpone(effect, delay_before(effect.attempts, jitter, RETRY), True, attempt)
                log.warning("call_in_doubt", reason=detail, **said)
            case Done() as done:
                await self._end(effect, "done", attempt, done=done)
                log.info("call_done", external_id=done.external_id, internal_id=done.internal_id, **said)
            case Rejected() as rejected:
                await self._end(effect, "rejected", attempt, rejected=rejected)
                log.warning("call_rejected", code=rejected.cause.code, reason=rejected.cause.message, **said)

    async def _end(self, effect: ClaimedEffect, status: str, attempt: AttemptRow, **answer: Done | Rejected) -> None:
        total_ms = int(effect.age * 1000) + attempt.ms
        body = AnswerBody(str(effect.id), effect.step, effect.target, attempt.request, effect.attempts, total_ms, effect.behind, **answer)  # type: ignore[arg-type]
        if row := await self.effects.end(effect, status, msgspec.json.encode(body), attempt):
            self.answered(row)


def _words(answer: Answer) -> tuple[str, str]:
    match answer:
        case Done(external_id=external_id):
            return "done", external_id
        case Rejected(cause=cause):
            return "rejected", f"{cause.code}: {cause.message}"
        case Unavailable(reason=reason, throttled=throttled):
            return "throttled" if throttled else "unavailable", reason
        case Ambiguous(reason=reason):
            return "ambiguous", reason
