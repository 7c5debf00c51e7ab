"""A bounded run under a fixed seed: each fault that is quick to inject strikes a whole stack once, and every invariant holds."""

import pytest

from tests.faults.run import Run

SECONDS, SEED = 110, 20260105
LEAST_KINDS = 12


@pytest.mark.timeout(600)
def test_a_stack_that_is_broken_in_every_quick_way_keeps_every_invariant() -> None:
    run = Run(SECONDS, SEED, short=True, say=print)
    run.play()
    report = run.report()
    assert report.holds, report.as_markdown()
    assert len(report.injected) >= LEAST_KINDS, report.as_markdown()
    assert report.operations["calls to vendors"] > 100, report.as_markdown()
