"""One target as this process sees it: its pace, and the slots that are ours of the concurrency it publishes for everybody."""

from shared.runtime import governor
from shared.runtime.answers import Ambiguous, Answer, Done, Faulty, Rejected, Unavailable
from shared.runtime.decision import Target
from shared.runtime.ports import Chance, Clock, Permits

PERMIT_LEASE_S = 15.0
GAP, MOST_GAP_S = 0.9, 0.02  # the share of what calls at full concurrency are apart
FORGET = 0.02  # of the quickest call, with each call that takes longer


class Governed:
    """`slots` are good until `leased_until`; `in_use` is how many calls are under way here, `most` how many were since the last renewal.

    Calls that start together are answered together, again and again, and each time the calls to all other targets wait until so many answers are
    recorded and decided on. So starts keep a gap, which the quickest good answer of late sets. Where all calls take the same time it spreads them
    over nearly all of it; where they do not they spread by themselves, and a longer gap would cost room."""

    def __init__(self, name: str, target: Target, permits: Permits, clock: Clock, chance: Chance) -> None:
        self.name, self.target, self.permits, self.clock, self.chance = name, target, permits, clock, chance
        self.pace = governor.pace_of(target.allowance.concurrency)
        self.slots: set[int] = set()
        self.leased_until = 0.0
        self.in_use = self.most = 0
        self.started: list[float] = []
        self.next_start = 0.0
        self.quickest: float | None = None  # seconds that a call takes at the least, of late

    async def room(self, wanted: int) -> int:
        """How many of `wanted` calls may start now, slots for them in hand."""
        wanted = min(wanted, governor.room(self.pace, self.in_use, self.clock.monotonic()))
        if wanted <= 0:
            return 0
        permitted = await self._permitted(self.in_use + wanted) - self.in_use
        return max(0, min(wanted, permitted, self._left_of_the_rate()))

    def begins(self) -> float:
        """A call takes its room now; it is to be sent after so many seconds."""
        now = self.clock.monotonic()
        self.in_use += 1
        self.most = max(self.most, self.in_use)
        start = max(now, self.next_start)
        self.next_start = start + min(MOST_GAP_S, GAP * (self.quickest or 0.0) / self.target.allowance.concurrency)
        if self.target.allowance.per_second is not None:
            self.started.append(start)
        return start - now

    async def hold(self) -> None:
        """Calls under way hold their slots for as long as they take; lapsed ones would be another instance's to use as well."""
        if self.in_use:
            await self._renew()

    async def give_back(self) -> None:
        """At the end; with calls still under way the leases run out by themselves."""
        await self.permits.free(self.name, set() if self.in_use else self.slots)

    def answered(self, answer: Answer, took: float) -> None:
        """What an answer says of how the target is; it came after `took` seconds."""
        now, jitter = self.clock.monotonic(), self.chance(0.5, 1)
        match answer:
            case Unavailable(of_target=False):
                self.pace = governor.after_word(self.pace, now)
            case Unavailable(throttled=True, retry_after=after):
                self.pace = governor.after_throttle(self.pace, now, after)
            case Unavailable(retry_after=after):
                self.pace = governor.after_failure(self.pace, now, jitter, after)
            case Faulty():
                pass  # it says nothing of the target
            case Ambiguous():
                self.pace = governor.after_failure(self.pace, now, jitter, None)
            case Done() | Rejected():
                self.pace = governor.after_answer(self.pace)
                known = took if self.quickest is None else self.quickest
                self.quickest = min(took, known + FORGET * (took - known))

    @property
    def circuit(self) -> governor.Circuit:
        return governor.circuit(self.pace, self.clock.monotonic())

    def state(self) -> str:
        """How the target is, in a word: flowing, throttled (its limit is lowered), trying (one call at a time) or away."""
        match self.circuit:
            case governor.Circuit.OPEN:
                return "away" if self.pace.opened else "throttled"
            case governor.Circuit.HALF_OPEN:
                return "trying"
            case governor.Circuit.CLOSED:
                return "throttled" if self.pace.limit < self.pace.ceiling else "flowing"

    async def _permitted(self, wanted: int) -> int:
        """Slots held, after asking for what is missing; the lease is counted from before the question, so we never think it longer than it is."""
        await self._renew()
        now = self.clock.monotonic()
        if wanted > len(self.slots):
            ceiling = self.target.allowance.concurrency
            taken = await self.permits.take(self.name, PERMIT_LEASE_S, ceiling, wanted - len(self.slots))
            if taken and not self.slots:
                self.leased_until = now + PERMIT_LEASE_S
            self.slots |= taken
        return len(self.slots)

    async def _renew(self) -> None:
        """What a burst needed and nothing has since goes back, for other instances."""
        now = self.clock.monotonic()
        if self.slots and self.leased_until - now < PERMIT_LEASE_S / 2:
            surplus = set(sorted(self.slots)[max(self.most, 1) :])
            self.most = self.in_use
            if surplus:
                self.slots -= surplus
                await self.permits.free(self.name, surplus)
            self.slots = await self.permits.renew(self.name, PERMIT_LEASE_S)
            self.leased_until = now + PERMIT_LEASE_S

    def _left_of_the_rate(self) -> int:
        """Calls that may still start this second, when calls a second are limited: this process's share of them, by its share of the slots."""
        per_second, now = self.target.allowance.per_second, self.clock.monotonic()
        if per_second is None:
            return self.target.allowance.concurrency
        window = max(1.0, 1.0 / per_second)  # below one a second the window is longer than a second
        self.started = [t for t in self.started if now - t < window]
        share = len(self.slots) / self.target.allowance.concurrency
        return max(0, int(per_second * share * window) - len(self.started))
