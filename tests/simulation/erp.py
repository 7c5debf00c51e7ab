"""A system that calls go to: it may be slow, refuse, lose answers, do and not say so, and show what it has only later."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.kernel.cause import Cause
from shared.runtime.answers import Absent, Ambiguous, Done, Exchange, Finding, Rejected, Reply, Unavailable
from shared.runtime.decision import Intent
from tests.simulation.world import World

PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Made:
    external_id: str
    content: Mapping[str, Any]
    at: float


@dataclass(slots=True)
class Erp:
    """`unique`: it knows its external ids and refuses a second object, but shows new ones late by `lag`. Otherwise it takes everything and shows
    it at once. Its answers take up to `slow` seconds. `calls` says of each write when it was asked for and when it came."""

    world: World
    unique: bool = True
    lag: float = 0.0
    slow: float = 0.0
    made: list[Made] = field(default_factory=list)
    calls: list[tuple[float, str, str]] = field(default_factory=list)

    def make(self, external_id: str, content: Mapping[str, Any]) -> str:
        self.calls.append((self.world.loop.time(), external_id, "send"))
        if content["refused"] == "yes":
            return "refused"
        if self.unique and any(m.external_id == external_id for m in self.made):
            return "there"
        self.made.append(Made(external_id, content, self.world.loop.time()))
        self.world.say(f"erp: made {external_id}")
        return "made"

    def shows(self, external_id: str) -> bool:
        seen_from = self.world.loop.time() - (self.lag if self.world.faulty else 0.0)
        return any(m.external_id == external_id and m.at <= seen_from for m in self.made)


def external_id_of(content: Mapping[str, Any]) -> str:
    """Of what is asked for, its refusal included: two reports of one revision may ask for different things."""
    return f"{content['account']}/{content['number']}/{content['refused']}"


class SimulatedAdapter:
    """What stands in a service for the system. Its bugs are part of the faults: it may raise before or after the call."""

    def __init__(self, erp: Erp) -> None:
        self.erp, self.world = erp, erp.world

    async def send(self, intent: Intent, effect_id: str) -> Reply:
        world, likely = self.world, 4 * self.world.trouble
        world.sprung("erp: send")
        self._fail_sometimes("before")
        if world.is_away("erp") or world.chance(likely):
            throttled = world.chance(0.5)
            return self._reply(Unavailable("try later", retry_after=1.0 if throttled else None, throttled=throttled))
        answer: asyncio.Future[str] = world.loop.create_future()
        self.erp.calls.append((world.loop.time(), external_id_of(intent.content), "ask"))
        if not world.chance(likely):
            world.after(self._travel(), self._arrive, external_id_of(intent.content), intent.content, answer)
        try:
            async with asyncio.timeout(world.random.choice((PATIENCE_S, 60.0)) if world.faulty else PATIENCE_S):
                said = await answer
        except TimeoutError:
            return self._reply(Ambiguous("no answer"))
        self._fail_sometimes("after")
        if said == "refused":
            return self._reply(Rejected(Cause("refused", "it does not like it")))
        return self._reply(Done(external_id_of(intent.content)))

    async def look_up(self, intent: Intent) -> Finding:
        self.world.sprung("erp: look")
        self._fail_sometimes("looking")
        await asyncio.sleep(self.world.delay())
        if self.world.is_away("erp") or self.world.chance(2 * self.world.trouble):
            return Unavailable("cannot look now")
        self.erp.calls.append((self.world.loop.time(), external_id_of(intent.content), "look"))
        return Done(external_id_of(intent.content)) if self.erp.shows(external_id_of(intent.content)) else Absent()

    def _travel(self) -> float:
        """A system that shows everything at once gets requests at once too: nothing is on its way unseen."""
        return self.world.delay() if self.erp.unique else 0.0

    def _arrive(self, external_id: str, content: Mapping[str, Any], answer: "asyncio.Future[str]") -> None:
        said = self.erp.make(external_id, content)
        if not self.world.chance(4 * self.world.trouble):
            late = self.world.random.uniform(0, 30) if self.world.chance(4 * self.world.trouble) else 0.0
            self.world.after(self.world.delay() + self.world.random.uniform(0, self.erp.slow) + late, self.world.succeed, answer, said)

    def _fail_sometimes(self, when: str) -> None:
        if self.world.chance(2 * self.world.trouble):
            self.world.say(f"erp: the adapter raises, {when} the call")
            raise RuntimeError(f"the adapter has a bug ({when})")

    def _reply(self, answer: Any) -> Reply:
        return Reply(answer, Exchange("POST /objects"))
