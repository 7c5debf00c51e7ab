"""The feed outlives a door that dies in the middle of an answer, and what neither feeds nor answers any more is seen."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest.mock import Mock

import pytest

from deploy.embedded.plan import Plan
from deploy.embedded.processes import SERVICES
from tests.faults.arena import INSTANCES, LEFT, Arena
from tests.faults.checker.evidence import Sent
from tests.faults.feed import Feeder


class _CutOff(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b'{"items"')

    def log_message(self, *told: object) -> None:
        pass


@contextmanager
def _door() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _CutOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _feeder(*doors: str) -> Feeder:
    return Feeder(list(doors), "token", "127.0.0.1:1", random.Random(1))


def test_an_answer_that_was_cut_off_leaves_it_unknown_whether_the_lines_were_taken() -> None:
    with _door() as door:
        assert _feeder(door)._posted(f"{door}/intake/clm", b"{}", 2) == [Sent.UNKNOWN] * 2


def test_a_feed_that_ends_before_its_time_says_of_what() -> None:
    feeder = _feeder()
    feeder.run(1.0)
    assert isinstance(feeder.died_of, IndexError)


def test_a_stack_with_an_instance_that_does_not_answer_is_not_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arena = Arena(Plan(tmp_path, 20_000), 0)
    told = [{"service": name, "lanes": 1, "halted": [], "processed": 7} | dict.fromkeys(LEFT, 0) for name in SERVICES]
    monkeypatch.setattr("tests.faults.arena.time.sleep", Mock())
    monkeypatch.setattr(arena, "_lanes", lambda: dict.fromkeys(SERVICES, 1))
    monkeypatch.setattr(arena, "statuses", lambda: [*told, *[{**each, "lanes": 0} for each in told] * (INSTANCES - 1)])
    assert arena.settle(5)
    monkeypatch.setattr(arena, "statuses", lambda: [*told, None])
    assert not arena.settle(0.2)
    arena.stop()
