"""A service whose next reader is in no hurry publishes in fewer transactions, and as much as before."""

from tests.simulation import service as simulated
from tests.simulation.quiet import quiet
from tests.simulation.schedule import Stage, run

SEEDS = 20


def published(linger_s: float) -> tuple[int, list[str]]:
    """Transactions of all relays, each of which writes one position, and what the invariants say."""
    count, problems = 0, list[str]()
    for seed in range(SEEDS):
        stages: list[Stage] = []

        def prepare(stage: Stage, stages: list[Stage] = stages) -> None:
            stage.world.linger = linger_s
            stages.append(stage)

        problems += run(seed, prepare=prepare).problems
        positions = (log for (topic, _), log in stages[0].broker.logs.items() if topic == simulated.POSITIONS)
        count += sum(entry.transaction is not None and not entry.marker for log in positions for entry in log)
    return count, problems


def test_lines_that_come_close_together_share_a_transaction() -> None:
    with quiet():
        at_once, first = published(0.0)
        lingering, second = published(1.0)
    assert (first, second) == ([], [])
    assert lingering < 0.9 * at_once  # most lanes here publish twice or three times in all
