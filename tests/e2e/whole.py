"""A whole Throughline in a home of its own, run by the same commands as anybody's."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from deploy.embedded.idle import Look, look
from deploy.embedded.processes import SERVICES
from deploy.embedded.readiness import fetch_json
from deploy.embedded.supervise import Supervisor
from tests.support.stack import free_port_base, remove_home, wait_until

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SANDBOX_PORTS = {"netsuite": 3, "psa": 4, "crm": 5}
READY_S, SETTLED_S = 120, 180


@dataclass
class Whole:
    """`port_base` is the console's port; the others follow from it."""

    home: Path
    port_base: int
    process: subprocess.Popen[bytes]

    def url(self, offset: int) -> str:
        return f"http://127.0.0.1:{self.port_base + offset}"

    def run(self, *command: str, ok: tuple[int, ...] = (0,)) -> str:
        """A `throughline` command; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "shared.ops", *command, "--home", str(self.home)], capture_output=True, text=True, timeout=SETTLED_S, check=False
        )
        assert done.returncode in ok, f"throughline {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def feed(self, *paths: Path, derive_mappings: bool = True, as_json: bool = False) -> str:
        options = [*(["--derive-mappings"] if derive_mappings else []), *(["--json"] if as_json else [])]
        return self.run("feed", *map(str, paths), *options, ok=(0, 3))

    def settle(self) -> None:
        """Wait until every service has nothing left to do, twice in a row."""
        last: list[Look] = []

        def settled() -> bool:
            now = look([self.status_of(offset) for offset in SERVICES.values()])
            last[:] = [*last, now][-2:]
            return len(last) == 2 and now.settled_since(last[0])

        wait_until(settled, self.still_running, SETTLED_S)

    def report(self) -> Any:
        return fetch_json(f"{self.url(0)}/api/report", timeout=30)

    def records(self, sandbox: str) -> Any:
        return fetch_json(f"{self.url(SANDBOX_PORTS[sandbox])}/_sandbox/records", timeout=30)

    def requests(self, sandbox: str) -> list[dict[str, Any]]:
        """Every call that the sandbox saw, page by page."""
        seen: list[dict[str, Any]] = []
        after = 0
        while page := fetch_json(f"{self.url(SANDBOX_PORTS[sandbox])}/_sandbox/requests?after={after}&limit=500", timeout=30)["requests"]:
            seen += page
            after = page[-1]["n"]
        return seen

    def jobs(self) -> list[dict[str, Any]]:
        """Every project that the NetSuite sandbox holds, over all its accounts."""
        return [job["fields"] | {"externalId": job["externalId"]} for account in self.records("netsuite").values() for job in account.get("job", [])]

    def booked(self) -> dict[str, Decimal]:
        """What the projects in NetSuite are worth, by currency."""
        sums: dict[str, Decimal] = {}
        for job in self.jobs():
            currency = job["currency"]["externalId"] if "externalId" in job["currency"] else job["currency"]["refName"]
            sums[currency] = sums.get(currency, Decimal(0)) + Decimal(job["jobPrice"])
        return sums

    def holdings(self) -> dict[str, Any]:
        """What every sandbox holds, without the times at which it came."""
        return {name: _timeless(self.records(name)) for name in ("netsuite", "psa", "crm")}

    def kill(self, name: str) -> int:
        """SIGKILL the process of that name, if it runs now; its pid."""
        pid = Supervisor(self.home).states()[name].pid
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def still_running(self) -> None:
        assert self.process.poll() is None, f"the stack ended with {self.process.returncode}:\n{self.log.read_text(errors='replace')[-4000:]}"

    @property
    def log(self) -> Path:
        return self.home / "up.log"

    def status_of(self, offset: int) -> Any:
        try:
            return fetch_json(f"{self.url(offset)}/status")
        except OSError:
            return None


@contextmanager
def whole(*options: str, home: Path | None = None) -> Iterator[Whole]:
    """Up and ready; taken down at the end, its data with it unless the home was given."""
    place = home or Path(tempfile.mkdtemp(prefix="throughline-e2e-"))
    base = free_port_base()
    command = [sys.executable, "-m", "deploy.embedded", "up", "--home", str(place), "--port-base", str(base), *options]
    with (place / "up.log").open("wb") as log:
        stack = Whole(place, base, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
    try:
        wait_until((place / "run" / "endpoints.json").exists, stack.still_running, READY_S)
        yield stack
    finally:
        stack.process.send_signal(signal.SIGTERM)
        stack.process.wait(90)
        if home is None:
            remove_home(place)


def run_to_the_end(home: Path, report: Path, *options: str) -> tuple[Any, str]:
    """`up … --until-idle --report`: the report, and what was printed."""
    command = [sys.executable, "-m", "deploy.embedded", "up", "--home", str(home), "--port-base", str(free_port_base())]
    done = subprocess.run([*command, *options, "--until-idle", "--report", str(report)], capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text()), done.stdout


def _timeless(held: Any) -> Any:
    match held:
        case dict():
            return {
                name: _timeless(value) for name, value in held.items() if name not in {"createdAt", "changedAt", "LastModifiedDate", "SystemModstamp"}
            }
        case list():
            return [_timeless(value) for value in held]
        case _:
            return held
