"""What the injectors know of the stack that they strike, and what they hold it to."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from unittest.mock import Mock

import pytest

from tests.faults.injectors import hostile
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


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *told: object) -> None:
        pass


class _OneByOne(HTTPServer):
    request_queue_size = 100

    def handle_error(self, request: object, client_address: object) -> None:
        """Of senders that left."""


class _SideBySide(ThreadingMixIn, _OneByOne):
    daemon_threads = True


@contextmanager
def _served(kind: type[HTTPServer]) -> Iterator[str]:
    with kind(("127.0.0.1", 0), _Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Restarted:
    """A process with another pid each time that one asks."""

    name, pids = "contract_events", iter(range(100))

    @property
    def pid(self) -> int:
        return next(self.pids)


def _arena(door: str, ops: str, part: object) -> Any:
    return Mock(doors=lambda: [door], services=[part], ops_urls=lambda: [ops])


def test_a_door_that_waits_for_one_sender_at_a_time_fails_the_run_unless_its_process_was_another_or_answered_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hostile, "ANSWER_S", 0.3)
    monkeypatch.setattr(hostile, "PAUSE_S", 0.05)
    same = Mock(pid=1)
    same.name = "contract_events"
    with _served(_OneByOne) as poor, _served(_SideBySide) as sound:
        assert hostile.slow_loris(_arena(sound, sound, same), random.Random(1)) == 1
        with pytest.raises(AssertionError, match="held up"):
            hostile.slow_loris(_arena(poor, sound, same), random.Random(1))
        assert hostile.slow_loris(_arena(poor, sound, _Restarted()), random.Random(1)) == 0
        assert hostile.slow_loris(_arena(poor, "http://127.0.0.1:1", same), random.Random(1)) == 0
