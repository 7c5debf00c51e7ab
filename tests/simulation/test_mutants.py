"""Each guard of the runtime taken out in turn: the simulation must notice. A guard that nothing misses is no guard, or the simulation is blind."""

from collections.abc import Callable

import pytest

from tests.simulation import mutants
from tests.simulation.quiet import quiet
from tests.simulation.schedule import run

SEEDS = 1000
Mutant = Callable[[pytest.MonkeyPatch], None]

NOTICED_BY: list[tuple[Mutant, tuple[str, ...], str | None]] = [
    (mutants.rows_as_they_come, ("lanes_are_dense", "output_is"), None),
    (mutants.same_producer_after_doubt, ("lanes_are_dense", "output_is"), "doubt_on_two_lanes"),
    (mutants.position_read_before_opening, ("lanes_are_dense", "output_is"), "late_in_the_log"),
    (mutants.position_read_to_where_open_transactions_begin, ("lanes_are_dense", "output_is"), "doubt_on_two_lanes"),
    (mutants.ends_of_former_leaders_believed, ("lanes_are_dense", "output_is"), "doubt_on_two_lanes"),
    (mutants.end_of_a_transaction_awaited_without_end, ("nothing_left",), "doubt_on_two_lanes"),
    (mutants.ends_taken_for_sent_once, ("lanes_are_dense", "output_is"), "sent_twice"),
    (mutants.fences_without_epoch, ("fences_chain",), "frozen_in_a_batch"),
    (mutants.fences_without_offset, ("every_input_once", "fences_chain"), "late_commit"),
    (mutants.offsets_of_the_group_believed, ("every_input_once",), "moving_lanes"),
    (mutants.records_of_earlier_claims_believed, ("every_input_once", "outcomes"), "lost_answers"),
    (mutants.ends_from_before_a_seek_believed, ("every_input_once", "outcomes"), "slow_batches"),
    (mutants.no_backlog_after_doubt, ("nothing_left",), "late_commit"),
    (mutants.no_return_after_doubt, ("every_input_once", "outcomes"), None),
    (mutants.lanes_claimed_only_when_they_are_given, ("every_input_once", "nothing_left"), "long_outage"),
    (mutants.lines_of_other_lanes_not_waited_for, ("output_is",), None),
    (mutants.inbox_looked_at_only_when_told, ("nothing_left",), None),
    (mutants.calls_looked_for_only_when_told, ("nothing_left",), None),
    (mutants.no_look_after_doubt, ("effects_once",), None),
    (mutants.leases_not_looked_at_before_sending, ("effects_once",), "frozen_in_a_call"),
    (mutants.no_doubt_after_a_lost_claim, ("effects_once",), "frozen_in_a_call"),
    (mutants.answers_of_lost_claims_taken, ("effects_once",), "late_answer"),
    (mutants.missed_supplies_not_looked_for, ("waits_are_honest",), "slow_batches"),
    (mutants.suspects_not_marked, ("every_input_once",), None),
]


@pytest.mark.parametrize(("take_out", "noticed_by", "aim"), NOTICED_BY, ids=[mutant.__name__ for mutant, _, _ in NOTICED_BY])
def test_a_guard_taken_out_is_noticed(take_out: Mutant, noticed_by: tuple[str, ...], aim: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    take_out(monkeypatch)
    with quiet():
        found = (seed for seed in range(SEEDS) if any(problem.startswith(noticed_by) for problem in run(seed, aim=aim).problems))
        assert next(found, None) is not None, f"{SEEDS} schedules without the guard, and nothing was noticed"
