"""Waits for processes to answer, and gives up early on one that cannot stay up."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from deploy.embedded import kafka, postgres
from deploy.embedded.errors import StackError
from deploy.embedded.plan import EMBEDDED, Plan
from deploy.embedded.processes import Process
from deploy.embedded.supervise import Supervisor

PATIENCE = 120.0
"""Seconds for one process; a cold start on a slow disk needs a fraction of it."""

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is not a proxy's business


def fetch(url: str, timeout: float = 5.0) -> bytes:
    """The body of a 2xx answer of a process of ours. Raises OSError otherwise."""
    with _DIRECT.open(url, timeout=timeout) as answer:
        body: bytes = answer.read()
        return body


def fetch_json(url: str, timeout: float = 5.0) -> Any:
    """As `fetch`; an answer that is no JSON is an OSError too."""
    try:
        return json.loads(fetch(url, timeout))
    except ValueError as error:
        raise OSError(f"{url} did not answer with JSON") from error


def answers(url: str) -> bool:
    """Whether something is there that is not in trouble: 404 will do, 503 will not."""
    try:
        fetch(url, 3.0)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True


@dataclass(slots=True)
class Watch:
    """Waits for groups of processes under one supervisor; the first that fails ends the wait for all."""

    supervisor: Supervisor
    plan: Plan
    stopped: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, processes: Iterable[Process], say: Callable[[str], None]) -> None:
        """Return when all are ready; `say` is called with each name as it is. Raises StackError that names the process and its log."""
        waiting = dict(self._waits(list(processes)))
        with ThreadPoolExecutor(max(1, len(waiting))) as pool:
            futures = {pool.submit(wait): name for name, wait in waiting.items()}
            try:
                self._collect(futures, say)
            except BaseException:
                self.stopped.set()
                raise

    def _collect(self, futures: dict[Any, str], say: Callable[[str], None]) -> None:
        while futures:
            self._check_all_stay_up()
            for future in [each for each in futures if each.done()]:
                future.result()
                say(futures.pop(future))
            time.sleep(0.05)

    def _check_all_stay_up(self) -> None:
        for name, state in self.supervisor.states().items():
            if state.name == "FATAL":
                raise StackError(f"{name} does not stay up: its log {self.plan.home / 'logs' / name}.log says why.")

    def _waits(self, processes: list[Process]) -> Iterable[tuple[str, Callable[[], None]]]:
        names = [process.name for process in processes]
        if "postgres" in names and self.plan.database == EMBEDDED:
            yield "postgres", lambda: postgres.wait_until_ready(self.plan.home, self.plan.postgres_port, self._still_wanted, PATIENCE)
        if "kafka-0" in names:
            yield "kafka", lambda: kafka.wait_until_ready(self.plan.cluster, self._still_wanted, PATIENCE)
        for process in processes:
            if process.ready_url is not None:
                yield process.name, lambda process=process: self._wait_for_url(process)  # type: ignore[misc]

    def _wait_for_url(self, process: Process) -> None:
        assert process.ready_url is not None
        end = time.monotonic() + PATIENCE
        while not answers(process.ready_url):
            self._still_wanted()
            if time.monotonic() > end:
                log = self.plan.home / "logs" / f"{process.name}.log"
                raise StackError(f"{process.name} is not ready at {process.ready_url} after {PATIENCE:.0f} s: see {log}.")
            time.sleep(0.1)

    def _still_wanted(self) -> None:
        if self.stopped.is_set():
            raise StackError("stopped waiting")
