"""One call, from its claim to its reply: looked up first when it may have been made before, sent within its lease, whatever the adapter does."""

import asyncio

import msgspec

from shared.runtime.answers import Absent, Ambiguous, Done, Exchange, Faulty, Reply, Unavailable
from shared.runtime.decision import Intent, Target
from shared.runtime.ports import Clock
from shared.store.effects import ClaimedEffect
from shared.telemetry import logs

log = logs.get(__name__)


async def reply_to(effect: ClaimedEffect, target: Target, until: float, clock: Clock) -> Reply:
    """An answer within the lease whatever the adapter does: one that hangs or raises leaves the outcome unknown, and unknown never
    becomes failed: it is looked up and tried again, ever more slowly, and `throughline doctor` says so, until the adapter is mended."""
    try:
        async with asyncio.timeout(until - clock.monotonic()):
            return await _called(effect, target, until, clock)
    except TimeoutError:
        return Reply(Ambiguous("the call outlived its lease"), Exchange("unanswered"))
    except Exception as error:
        log.exception("adapter_failed", target=effect.target, step=effect.step, contract_id=effect.key)
        return Reply(Faulty(f"the adapter failed: {type(error).__name__}: {error}"), Exchange("unanswered"))


async def _called(effect: ClaimedEffect, target: Target, until: float, clock: Clock) -> Reply:
    """Look first when it may have been sent before. Nothing is sent once the lease is over: another may have the call, and may have looked."""
    intent = Intent(effect.step, effect.target, msgspec.json.decode(effect.content))
    if effect.doubtful:
        match await target.adapter.look_up(intent):
            case Done() as done:
                return Reply(done, Exchange("look-up", status=200, response_body="it had been done"))
            case Unavailable() as away:
                return Reply(away, Exchange("look-up"))
            case Absent():
                pass
    if clock.monotonic() >= until:
        raise TimeoutError
    return await target.adapter.send(intent, f"{effect.id}/{effect.round}")
