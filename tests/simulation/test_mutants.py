"""Each guard of the runtime taken out in turn: the simulation must notice. A guard that nothing misses is no guard, or the simulation is blind."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Message

from shared.runtime.answers import Reply
from shared.runtime.decision import Target
from shared.runtime.reader import Reader
from shared.runtime.records import Record
from shared.runtime.relay import Relay
from shared.runtime.runner import Runner
from shared.store.effects import ClaimedEffect
from shared.store.rows import OutboxRow
from tests.simulation.quiet import quiet
from tests.simulation.schedule import run

SEEDS = 600


def missed_by_nobody(known: tuple[str, ...]) -> int:
    """How many schedules it took to notice."""
    with quiet():
        for seed in range(SEEDS):
            problems = run(seed).problems
            if any(problem.startswith(known) for problem in problems):
                return seed
    raise AssertionError(f"{SEEDS} schedules without the guard, and nothing was noticed")


def rows_as_they_come(patch: pytest.MonkeyPatch) -> None:
    async def next_rows(self: Relay) -> list[OutboxRow]:
        rows = list(self.fresh) or await self.outbox.pending(self.lane, self.position or 0, 1000)
        self.fresh.clear()
        return rows

    patch.setattr(Relay, "_next_rows", next_rows)


def same_producer_after_doubt(patch: pytest.MonkeyPatch) -> None:
    real = Relay._start_over

    async def start_over(self: Relay, error: Exception, failures: int) -> None:
        position, producer = self.position, self.publisher.producer
        await real(self, error, failures)
        self.position, self.publisher.producer = position, producer

    patch.setattr(Relay, "_start_over", start_over)


def no_look_after_doubt(patch: pytest.MonkeyPatch) -> None:
    real = Runner._call

    async def call(self: Runner, target: Target, effect: ClaimedEffect, until: float) -> Reply:
        sure = ClaimedEffect(**{name: getattr(effect, name) for name in ClaimedEffect.__slots__} | {"doubtful": False})
        return await real(self, target, sure, until)

    patch.setattr(Runner, "_call", call)


def ends_of_earlier_claims_believed(patch: pytest.MonkeyPatch) -> None:
    real = Reader._record

    def record(self: Reader, message: Message) -> Record | None:
        claim = self.lanes.get((message.topic() or "", message.partition() or 0))
        if message.error() and claim is not None:
            claim.reached_end(message.offset() or 0)
        return real(self, message)

    patch.setattr(Reader, "_record", record)


MUTANTS: list[tuple[Callable[[Any], None], tuple[str, ...]]] = [
    (rows_as_they_come, ("lanes_are_dense", "output_is")),
    (same_producer_after_doubt, ("lanes_are_dense", "output_is")),
    (no_look_after_doubt, ("effects_once",)),
    (ends_of_earlier_claims_believed, ("every_input_once", "outcomes")),
]


@pytest.mark.parametrize(("take_out", "noticed_by"), MUTANTS, ids=lambda value: value.__name__ if callable(value) else "")
def test_a_guard_taken_out_is_noticed(
    take_out: Callable[[pytest.MonkeyPatch], None], noticed_by: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_out(monkeypatch)
    missed_by_nobody(noticed_by)
