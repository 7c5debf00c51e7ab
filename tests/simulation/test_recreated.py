"""A topic is made anew at any moment of a schedule: nothing of the new one is taken at an offset that counts in the old."""

import msgspec
import pytest

from shared.runtime import identity, owning
from tests.simulation import service as simulated
from tests.simulation.broker import Entry
from tests.simulation.quiet import quiet
from tests.simulation.schedule import TROUBLED_S, Stage, run
from tests.simulation.service import Told

SEEDS, MORE, REST_S = 25, 60, 40.0  # MORE records a partition are beyond every offset that was read
Lane = tuple[str, int]


def taken_from_the_new_topic(seed: int) -> list[str]:
    """Decisions on offsets of the new topic, in one schedule."""
    stages: list[Stage] = []
    old: dict[Lane, list[Entry]] = {}

    def make_anew(stage: Stage) -> None:
        claimed = [lane for lane in stage.database.lanes if lane[0] == simulated.SOURCE]  # a lane that nobody had begins in the new one
        old.update({lane: stage.broker.logs[lane] for lane in claimed})
        stage.broker.make_anew(simulated.SOURCE)
        for lane in (lane for lane in stage.group.lanes if lane[0] == simulated.SOURCE):
            for n in range(MORE):
                stage.broker.append(lane, b"NEW", msgspec.json.encode(Told(f"new {lane} {n}", n)))

    def prepare(stage: Stage) -> None:
        stages.append(stage)
        stage.is_quiet = lambda: stage.world.loop.time() > TROUBLED_S + REST_S  # type: ignore[method-assign]
        stage.world.after(stage.world.random.uniform(1.0, TROUBLED_S), make_anew, stage)

    run(seed, prepare=prepare)
    decided = [j for c in stages[0].database.history for j in c.batch.journal if j.offset is not None and j.lane in old]
    return [f"seed {seed}: {j.lane} {j.offset}" for j in decided if j.key == "account:NEW" or (j.offset or 0) >= len(old[j.lane])]


def test_nothing_is_taken_from_a_topic_made_anew_whenever_that_happens() -> None:
    with quiet():
        assert [taken for seed in range(SEEDS) for taken in taken_from_the_new_topic(seed)] == []


def test_without_the_comparison_something_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in (owning, identity):
        monkeypatch.setattr(room, "strangers", lambda lanes, topic_ids: {})
    with quiet():
        assert any(taken_from_the_new_topic(seed) for seed in range(SEEDS))
