"""Makes the calls that decisions intend: claimed one by one, governed by target, answered into the inbox of their lane."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from shared.runtime import governor
from shared.runtime.answers import Absent, Ambiguous, Answer, Done, Exchange, Faulty, Rejected, Reply, Unavailable
from shared.runtime.decision import Intent, Target
from shared.runtime.governor import Pace
from shared.runtime.ports import Effects, Outside, Permits
from shared.runtime.retry import Backoff, delay_before
from shared.runtime.settings import RuntimeSettings
from shared.runtime.work import AnswerBody
from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.pool import AWAY
from shared.telemetry import logs, tracing
from shared.telemetry.metrics import CIRCUIT_CLOSED, CIRCUIT_HALF_OPEN, CIRCUIT_OPEN, METRICS

log = logs.get(__name__)
RETRY = Backoff(first=0.5, limit=60.0)
PERMIT_LEASE_S = 15.0
LEASE_SHARE = 0.8  # the rest is for recording the answer
GAUGE = {governor.Circuit.CLOSED: CIRCUIT_CLOSED, governor.Circuit.HALF_OPEN: CIRCUIT_HALF_OPEN, governor.Circuit.OPEN: CIRCUIT_OPEN}


@dataclass(slots=True)
class Governed:
    """One target as this process sees it. `slots` are its leased share of the published concurrency, good until `leased_until`."""

    target: Target
    pace: Pace
    slots: set[int] = field(default_factory=set)
    leased_until: float = 0.0
    in_use: int = 0
    started: list[float] = field(default_factory=list)


class Runner:
    def __init__(
        self,
        find: Callable[[str], Target],
        effects: Effects,
        permits: Permits,
        settings: RuntimeSettings,
        answered: Callable[[], None],
        outside: Outside,
    ) -> None:
        self.clock, self.chance = outside.clock, outside.chance
        self.find, self.effects, self.permits, self.settings, self.answered = find, effects, permits, settings, answered
        self.governed: dict[str, Governed] = {}
        self.work = asyncio.Event()
        self.stopping = False
        self.backlog = 0
        self.calls: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until `stop`. A database that is away is waited for; the calls under way keep their claims meanwhile."""
        while not self.stopping:
            try:
                await self._round()
            except AWAY as error:
                log.warning("effects_wait_for_postgres", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1)

    async def stop(self, patience: float) -> None:
        """Start nothing new and give the calls under way `patience` seconds; what is then open is looked up by the next owner."""
        self.stopping = True
        self.work.set()
        if self.calls:
            await asyncio.wait(self.calls, timeout=patience)
        with suppress(*AWAY):  # then the leases run out by themselves
            for name, governed in self.governed.items():
                await self.permits.free(name, set() if governed.in_use else governed.slots)

    async def _round(self) -> None:
        due = await self.effects.due()
        self.backlog = sum(due.values())
        started = 0
        for name, count in due.items():
            METRICS.effects_open.labels(name).set(count)
            started += await self._start(name, count)
        if not started:
            self.work.clear()
            try:
                async with asyncio.timeout(self.settings.poll_s):
                    await self.work.wait()
            except TimeoutError:
                pass

    async def _start(self, name: str, count: int) -> int:
        governed = await self._of(name)
        if governed is None:
            return 0
        now = self.clock.monotonic()
        wanted = min(count, governor.room(governed.pace, governed.in_use, now))
        permitted = await self._permitted(name, governed, governed.in_use + wanted) - governed.in_use if wanted else 0
        room = min(wanted, permitted, _rate_room(governed, now))
        if room <= 0:
            return 0
        until = self.clock.monotonic() + LEASE_SHARE * self.settings.effect_lease_s  # from before the question, which may be answered late
        claimed = await self.effects.claim(name, self.settings.effect_lease_s, room)
        for effect in claimed:
            governed.in_use += 1
            governed.started.append(now)
            task = asyncio.create_task(self._make(governed, effect, until), name=f"call-{effect.id}")
            self.calls.add(task)
            task.add_done_callback(self.calls.discard)
        METRICS.governor_in_use.labels(name).set(governed.in_use)
        return len(claimed)

    async def _of(self, name: str) -> Governed | None:
        if name not in self.governed:
            try:
                target = self.find(name)
            except KeyError:
                log.error("target_unknown", target=name, advice="calls to it wait; name the target in the service's settings")
                return None
            await self.permits.prepare(name, target.allowance.concurrency)
            self.governed[name] = Governed(target, governor.pace_of(target.allowance.concurrency))
        return self.governed[name]

    async def _permitted(self, name: str, governed: Governed, wanted: int) -> int:
        """Slots held, after asking for what is missing; the lease is counted from before the question, so we never think it longer than it is."""
        now = self.clock.monotonic()
        if governed.slots and governed.leased_until - now < PERMIT_LEASE_S / 2:
            governed.slots = await self.permits.renew(name, PERMIT_LEASE_S)
            governed.leased_until = now + PERMIT_LEASE_S
        if wanted > len(governed.slots):
            ceiling = governed.target.allowance.concurrency
            taken = await self.permits.take(name, PERMIT_LEASE_S, ceiling, wanted - len(governed.slots))
            if taken and not governed.slots:
                governed.leased_until = now + PERMIT_LEASE_S
            governed.slots |= taken
        return len(governed.slots)

    async def _make(self, governed: Governed, effect: ClaimedEffect, until: float) -> None:
        began = self.clock.monotonic()
        try:
            with (
                tracing.span(f"{effect.target} {effect.step}", effect.trace, {"contract": effect.key, "attempt": effect.attempts}) as here,
                tracing.carried(here),
            ):
                reply = await self._reply(governed.target, effect, until)
            ms = int((self.clock.monotonic() - began) * 1000)
            self._pace(effect.target, governed, reply.answer)
            await self._record(effect, reply, ms)
        except Exception as error:  # the claim runs out by itself, and the next owner looks before sending
            log.exception("call_failed", target=effect.target, step=effect.step, contract_id=effect.key, error=str(error))
        finally:
            governed.in_use -= 1
            METRICS.effect_time.labels(effect.target).observe(self.clock.monotonic() - began)
            self.work.set()

    async def _reply(self, target: Target, effect: ClaimedEffect, until: float) -> Reply:
        """An answer within the lease whatever the adapter does: one that hangs or raises leaves the outcome unknown, and unknown never
        becomes failed: it is looked up and tried again, ever more slowly, and `throughline doctor` says so, until the adapter is mended."""
        try:
            async with asyncio.timeout(until - self.clock.monotonic()):
                return await self._call(target, effect, until)
        except TimeoutError:
            return Reply(Ambiguous("the call outlived its lease"), Exchange("unanswered"))
        except Exception as error:
            log.exception("adapter_failed", target=effect.target, step=effect.step, contract_id=effect.key)
            return Reply(Faulty(f"the adapter failed: {type(error).__name__}: {error}"), Exchange("unanswered"))

    async def _call(self, target: Target, effect: ClaimedEffect, until: float) -> Reply:
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
        if self.clock.monotonic() >= until:
            raise TimeoutError
        return await target.adapter.send(intent, f"{effect.id}/{effect.round}")

    def _pace(self, name: str, governed: Governed, answer: Answer) -> None:
        now, jitter = self.clock.monotonic(), self.chance(0.5, 1)
        match answer:
            case Unavailable(throttled=True, retry_after=after):
                governed.pace = governor.after_throttle(governed.pace, now, after)
            case Unavailable(retry_after=after):
                governed.pace = governor.after_failure(governed.pace, now, jitter, after)
            case Ambiguous():
                governed.pace = governor.after_failure(governed.pace, now, jitter, None)
            case Done() | Rejected():
                governed.pace = governor.after_answer(governed.pace)
        METRICS.governor_limit.labels(name).set(governed.pace.limit)
        METRICS.circuit.labels(name).set(GAUGE[governor.circuit(governed.pace, now)])

    async def _record(self, effect: ClaimedEffect, reply: Reply, ms: int) -> None:
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
        body = AnswerBody(str(effect.id), effect.step, effect.target, attempt.request, effect.attempts, total_ms, **answer)  # type: ignore[arg-type]
        await self.effects.end(effect, status, msgspec.json.encode(body), attempt)
        self.answered()


def whose(key: str | None, trace: str | None) -> dict[str, str | None]:
    """What every line about a contract carries: the contract, and the trace that its other lines are found by."""
    namespace, _, name = (key or "").partition(":")
    return {"contract_id": name if namespace == "contract" else None, "key": key, "trace_id": trace[3:35] if trace else None}


def paced(governed: Governed, now: float) -> str:
    """How a target is, in a word: flowing, throttled (its limit is lowered), trying (one call at a time) or away."""
    match governor.circuit(governed.pace, now):
        case governor.Circuit.OPEN:
            return "away" if governed.pace.opened else "throttled"
        case governor.Circuit.HALF_OPEN:
            return "trying"
        case governor.Circuit.CLOSED:
            return "throttled" if governed.pace.limit < governed.pace.ceiling else "flowing"


def _rate_room(governed: Governed, now: float) -> int:
    """Calls that may still start this second, when calls a second are limited: this process's share of them, by its share of the slots."""
    per_second = governed.target.allowance.per_second
    if per_second is None:
        governed.started.clear()
        return governed.target.allowance.concurrency
    window = max(1.0, 1.0 / per_second)  # below one a second the window is longer than a second
    governed.started = [t for t in governed.started if now - t < window]
    share = len(governed.slots) / governed.target.allowance.concurrency
    return max(0, int(per_second * share * window) - len(governed.started))


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
