"""What the injectors know of the stack before they strike it."""

import json
from pathlib import Path

from tests.faults.injectors.processes import leader_of


def test_the_controller_is_whom_the_newest_epoch_names_whatever_a_node_that_was_away_still_says(tmp_path: Path) -> None:
    def told(node: int, leader: int, epoch: int) -> Path:
        state = tmp_path / f"node-{node}"
        state.write_text(json.dumps({"leaderId": leader, "leaderEpoch": epoch, "votedId": -1}))
        return state

    away, leads, follows = told(0, 0, 18), told(1, 1, 19), told(2, 1, 19)
    assert leader_of([away, leads, follows, tmp_path / "not there"]) == 1
    assert leader_of([away, told(2, -1, 20)]) is None
    assert leader_of([]) is None
