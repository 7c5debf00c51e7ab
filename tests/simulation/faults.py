"""What breaks and when, drawn from the seed: some of it at any time, some of it aimed at the very step where it hurts."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tests.simulation.ambush import NO_TRAP, Ambush, Trap
from tests.simulation.loop import Process

if TYPE_CHECKING:
    from tests.simulation.schedule import Stage

COMMIT_STEPS = ("postgres: load", "postgres: fences", "postgres: rows", "postgres: waits", "postgres: COMMIT")
CALL_STEPS = ("postgres: claim effects", "postgres: end", "postgres: postpone", "erp: send", "erp: look")
LOG_STEPS = ("kafka: init", "kafka: mark", "kafka: end of", "kafka: record", "kafka: EndTxn")
PUBLISH_STEPS = (*LOG_STEPS, "postgres: pending", "postgres: clear", "postgres: head")
LANE_STEPS = ("postgres: claim lanes", "postgres: read lanes", "postgres: suspect", "postgres: due")
STEPS = COMMIT_STEPS + CALL_STEPS + PUBLISH_STEPS + LANE_STEPS
AIMS = (
    *("frozen_in_a_batch", "late_commit", "slow_batches", "late_in_the_log", "doubt_on_two_lanes"),
    *("late_answer", "frozen_in_a_call", "moving_lanes", "lost_answers", "sent_twice", "long_outage", "anywhere"),
)
BEYOND_SESSION = (7.0, 9.0, 14.0)


class Faults:
    def __init__(self, stage: "Stage") -> None:
        self.stage, self.world, self.random = stage, stage.world, stage.world.random

    def plan(self, seconds: float, aim: str | None) -> None:
        """`aim` names the only kind of aimed faults there shall be; None draws them too."""
        untimed = [self._crash, self._crash, self._freeze, self._freeze, self._stop, self._rebalance, self._outage]
        for _ in range(self.random.choice((0, 1, 2, 4, 8))):
            self.world.after(self.random.uniform(0.5, 0.8 * seconds), self.random.choice(untimed))
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3)) if aim is None else self.random.choice((1, 2))):
            getattr(self, f"_{aim or self.random.choice(AIMS)}")()

    def _crash(self) -> None:
        self._any("crash").crash(self.random.uniform(0.1, 8))

    def _freeze(self) -> None:
        away = self.random.choice((0.3, 2.5, 7.0, 9.0, 25.0))
        instance = self._any("freeze")
        if not instance.process.dead:
            instance.freeze(away)

    def _stop(self) -> None:
        self._any("stop").stop()

    def _rebalance(self) -> None:
        self._any("rebalance")
        self.stage.group.rebalance(shuffle=True)

    def _outage(self) -> None:
        system = self.random.choice(("kafka", "postgres", "erp"))
        self._any(f"outage of {system}")
        self._away_for(system, self.random.uniform(0.1, 6))

    def _long_outage(self) -> None:
        """The database is away while lanes change hands, for longer than a claim of them is tried."""
        self.world.after(self.random.uniform(0.5, 6), self._away_for_long)

    def _away_for_long(self) -> None:
        self._any("long outage of postgres")
        self._away_for("postgres", self.random.uniform(3, 8))
        self._rebalance()

    def _away_for(self, system: str, seconds: float) -> None:
        self.world.away[system] = self.world.loop.time() + seconds

    def _any(self, what: str) -> "Instance":
        instance = self.random.choice(self.stage.instances)
        self.stage.note(what, instance.process)
        return instance

    def _frozen_in_a_batch(self) -> None:
        """Beyond its session: another owner has the lane when it goes on, and what it had sent may be on its way still."""
        self._lay("frozen at", COMMIT_STEPS, _frozen(BEYOND_SESSION), self._held(0.5, 0.0, 4.0))

    def _late_commit(self) -> None:
        """It is done after its caller has given up and looked."""
        trap = Trap(self.random.uniform(0.3, 1.8), patience=self.random.uniform(0.05, 0.3))
        self._lay("late", COMMIT_STEPS[-1:], _nothing, trap, then=[Ambush("postgres: load", 1, self._held(1.0, 0.1, 2.0))])

    def _late_in_the_log(self) -> None:
        """What a publisher sent lands when the lane has another, or when that is about to open."""
        what, strike = self.random.choice((("lane moved at", _moved), ("killed at", _killed_for_a_moment)))
        then = Ambush("kafka: init", self.random.choice((1, 1, 2)), self._held(0.9, 0.5, 5.0))
        self._lay(what, LOG_STEPS, strike, self._held(0.9, 1.0, 6.0), then=[then])

    def _doubt_on_two_lanes(self) -> None:
        """One's transaction stays open, and another's position lies behind it when that has to be read."""
        then = [Ambush("kafka: EndTxn", 1, Trap(answer_lost=True)), Ambush("kafka: init", 1, self._held(0.9, 0.5, 5.0))]
        self._lay("late", LOG_STEPS[-1:], _nothing, Trap(self.random.uniform(2.0, 6.0)), then=then, latest=3)

    def _sent_twice(self) -> None:
        """The first of two EndTxn arrives when some records of the next transaction have, and some have not."""
        twin = Trap(self.random.uniform(0.6, 2.0), twice=True)
        then = Ambush("kafka: record", self.random.randint(2, 4), self._held(1.0, 0.6, 3.0))
        self._lay("twice", LOG_STEPS[-1:], _nothing, twin, then=[then])

    def _late_answer(self) -> None:
        """The other system is away for a moment; that is recorded when the lease of the call has run out, and another has it."""
        lease = self.stage.settings.effect_lease_s
        then = Ambush("postgres: postpone", 1, self._held(1.0, lease, lease + 4))
        self._lay("away at", CALL_STEPS[3:4], _away, NO_TRAP, then=[then], latest=2)

    def _frozen_in_a_call(self) -> None:
        lease = self.stage.settings.effect_lease_s
        steps = (*CALL_STEPS, *CALL_STEPS[:1] * 3)  # between claim and call it hurts most
        self._lay("frozen at", steps, _frozen((0.5 * lease, 1.2 * lease, 2 * lease)), NO_TRAP, latest=3)

    def _moving_lanes(self) -> None:
        """They change hands all the time, while a batch takes longer than progress waits to be noted."""
        for _ in range(6):
            self.world.after(self.random.uniform(1, 11), self._rebalance)
        self._lay("slow", COMMIT_STEPS[:2], _nothing, Trap(self.random.uniform(3, 6)), times=6)

    def _slow_batches(self) -> None:
        """Others commit between what a batch reads and what it writes."""
        self._lay("slow", COMMIT_STEPS, _nothing, self._held(1.0, 0.1, 1.2), times=20)

    def _lost_answers(self) -> None:
        self._lay("answer lost of", STEPS, _nothing, Trap(answer_lost=True), times=self.random.choice((1, 1, 2)))

    def _anywhere(self) -> None:
        strikes = {"frozen at": _frozen((0.3, 2.5, *BEYOND_SESSION)), "killed at": _killed, "stopped at": _stopped, "lane moved at": _moved}
        what = self.random.choice(list(strikes))
        self._lay(what, STEPS, strikes[what], self._held(0.3, 0.0, 6.0))

    def _held(self, likely: float, least: float, most: float) -> Trap:
        if self.random.random() > likely:
            return NO_TRAP
        patience = self.random.uniform(0.5, 3) if self.random.random() < 0.3 else None
        return Trap(self.random.uniform(least, most), patience)

    def _lay(
        self, what: str, steps: Sequence[str], strike: "Strike", trap: Trap, times: int = 1, then: Sequence[Ambush] = (), latest: int = 6
    ) -> None:
        where = self.random.choice(steps)

        def struck(process: Process) -> None:
            self.stage.note(f"{what} {where}", process)
            if instance := self.stage.instance_of(process):
                strike(self, instance)
            self.world.ambushes += then

        self.world.ambushes.append(Ambush(where, self.random.randint(1, latest), trap, struck, times))


if TYPE_CHECKING:
    from tests.simulation.instance import Instance

    Strike = Callable[[Faults, Instance], object]


def _frozen(spans: tuple[float, ...]) -> "Strike":
    return lambda faults, instance: instance.freeze(faults.random.choice(spans))


def _killed(faults: Faults, instance: "Instance") -> None:
    instance.crash(faults.random.uniform(0.1, 8))


def _killed_for_a_moment(faults: Faults, instance: "Instance") -> None:
    instance.crash(0.1)


def _stopped(faults: Faults, instance: "Instance") -> None:
    instance.stop()


def _moved(faults: Faults, instance: "Instance") -> None:
    """The group gives its lanes to others."""
    faults.stage.group.rebalance(shuffle=True)


def _away(faults: Faults, instance: "Instance") -> None:
    faults.world.away["erp"] = faults.world.loop.time() + 0.2


def _nothing(faults: Faults, instance: "Instance") -> None:
    """The exchange itself is all that suffers."""
