"""The stack that is broken: every part as a process of this run, two instances of each service, and the proxy in all their ways."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from confluent_kafka.admin import AdminClient

from deploy.embedded import home, jars, kafka, postgres
from deploy.embedded import plan as ports
from deploy.embedded.credentials import credential
from deploy.embedded.place import settle
from deploy.embedded.plan import Plan
from deploy.embedded.processes import SERVICES, Process, Stage, shared_environment, table
from deploy.embedded.readiness import answers, fetch_json
from shared.ops.prepare import passwords_in, prepare
from tests.faults.parts import Keeper, Part
from tests.faults.proxy import Link, Proxy
from tests.support.stack import free_port_base, remove_home, wait_until

INSTANCES = 2
QUICK = {
    "THROUGHLINE_SESSION_TIMEOUT_S": "6",
    "THROUGHLINE_EFFECT_LEASE_S": "12",
    "THROUGHLINE_NETSUITE_DEADLINE_S": "5",
    "THROUGHLINE_PSA_DEADLINE_S": "5",
    "THROUGHLINE_DRAIN_S": "6",
    "THROUGHLINE_TRACE_RATIO": "0",
}
"""Shorter patience than in production, so that what outlives it fits into a run."""
VENDOR_HOSTS = ("127.0.0.1", "127.0.0.2")  # the second for a name whose address changes
DISK = "size=2g"  # room for an hour, PostgreSQL's log of writes included
LEFT = ("lag", "outbox", "inbox_due", "effects_open")
QUIET_LOOKS = 4
A = TypeVar("A", bound="Arena")


@dataclass(eq=False)
class Arena:
    """`extra` is a second range of ports: for the proxy, second instances and Kafka's second listeners."""

    plan: Plan
    extra: int
    kept: bool = False
    keeper: Keeper = field(default_factory=Keeper)
    mounts: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.keeper.name_of)

    @property
    def parts(self) -> dict[str, Part]:
        return self.keeper.parts

    @property
    def links(self) -> dict[str, Link]:
        return self.proxy.links

    @property
    def brokers(self) -> list[Part]:
        return [part for name, part in self.parts.items() if name.startswith("kafka-")]

    @property
    def services(self) -> list[Part]:
        return [part for name, part in self.parts.items() if name.partition("#")[0] in SERVICES]

    def ops_urls(self) -> list[str]:
        first = [self.plan.url(offset) for offset in SERVICES.values()]
        return first + [f"http://127.0.0.1:{self.extra + 20 + index}" for index in range(len(SERVICES) * (INSTANCES - 1))]

    def doors(self) -> list[str]:
        return [self.plan.url(ports.DOOR), f"http://127.0.0.1:{self.extra + 30}"][:INSTANCES]

    def sandbox(self, name: str) -> str:
        return self.plan.url({"netsuite": ports.NETSUITE, "psa": ports.PSA}[name])

    def start(self) -> None:
        """Returns when everything answers."""
        jars.ensure()
        self.plan.cluster.prepare()
        self.bend("").parent.mkdir(exist_ok=True)
        rows = {row.name: row for row in table(self.plan) if row.name not in ("kpis", "crm")}
        self._mount_disks()
        self._link_up()
        for row in rows.values():
            if row.stage is not Stage.SERVICES:
                self.keeper.add(Part(row.name, self._arguments(row), shared_environment(self.plan), self._log(row.name)))
        postgres.wait_until_ready(self.plan.home, self.plan.postgres_port, timeout=120)
        kafka.wait_until_ready(self.plan.cluster, timeout=120)
        for row in rows.values():
            if row.ready_url and row.stage is not Stage.SERVICES:
                self._wait(row.ready_url)
        for service in SERVICES:
            credential(self.plan.home, service)
        prepare(self.plan.admin_dsn, self.plan.bootstrap, self.plan.registry, passwords_in(self.plan.home / "run" / "secrets"))
        for index, name in enumerate(SERVICES):
            self._start_service(rows[name], index)
        for url in self.ops_urls():
            self._wait(f"{url}/readyz")

    def stop(self) -> None:
        self.keeper.stop()
        for part in self.services:
            part.wanted = False
            part.send(signal.SIGCONT)
            part.send(signal.SIGKILL)
        for part in reversed(self.parts.values()):
            part.end(signal.SIGINT if part.name == "postgres" else signal.SIGKILL)
        self.proxy.close()
        for mount in self.mounts:
            self._unmount(mount)

    def _unmount(self, mount: Path) -> None:
        """Where the home is kept, what lies on a small disk is kept with it."""
        kept = mount.with_name(f"{mount.name}.kept")
        if self.kept:
            subprocess.run(["cp", "-a", str(mount), str(kept)], check=False)
        subprocess.run(["umount", "-l", str(mount)], check=False)
        if kept.exists():
            mount.rmdir()
            kept.rename(mount)

    def settle(self, patience: float) -> bool:
        """Whether everything came to rest: each instance answers, every lane is owned, nothing left and nothing processed in several looks, a second
        apart."""
        end, quiet, before, lanes = time.monotonic() + patience, 0, -1, self._lanes()
        while quiet < QUIET_LOOKS and time.monotonic() < end:
            told = self.statuses()
            statuses = [status for status in told if status is not None]
            left = sum(status[count] for status in statuses if status["lanes"] for count in LEFT) + sum(bool(s["halted"]) for s in statuses)
            processed = sum(status["processed"] for status in statuses)
            quiet = quiet + 1 if len(statuses) == len(told) and not left and processed == before and self._owned(statuses) == lanes else 0
            before = processed
            time.sleep(1.0)
        return quiet == QUIET_LOOKS

    def _lanes(self) -> dict[str, int]:
        """Lanes by service, as their fences say; an instance may own none, all of them together own every one."""
        with psycopg.connect(self.plan.admin_dsn) as db:
            counts = {name: db.execute(f"select count(*) from {name}.lane").fetchone() for name in SERVICES}
        return {name: count[0] for name, count in counts.items() if count}

    @staticmethod
    def _owned(statuses: Iterable[Any]) -> dict[str, int]:
        owned: Counter[str] = Counter()
        for status in statuses:
            owned[status["service"]] += status["lanes"]
        return dict(owned)

    def statuses(self) -> list[Any]:
        return [_status(url) for url in self.ops_urls()]

    def bend(self, name: str) -> Path:
        """Where orders to bend the clock, pace and names of a service's instance are obeyed: see `bent`."""
        return self.plan.home / "run" / "bent" / f"{name}.json"

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.plan.bootstrap, "log_level": 0})

    def _start_service(self, row: Process, index: int) -> None:
        for instance in range(INSTANCES):
            name = row.name if instance == 0 else f"{row.name}#{instance + 1}"
            told = {**shared_environment(self.plan), **row.environment, **QUICK, **self._proxied(row)}
            if instance:
                told["THROUGHLINE_OPS_PORT"] = str(self.extra + 20 + index)
                told["THROUGHLINE_PORT"] = str(self.extra + 30 + index)
                told["THROUGHLINE_VISIBILITY_CONSOLE_PORT"] = str(self.extra + 30 + index)
            arguments = ["-m", "tests.faults.bent", str(self.bend(name)), row.name]
            self.keeper.add(Part(name, arguments, told, self._log(name)))

    def _proxied(self, row: Process) -> dict[str, str]:
        links = self.links
        nodes = ",".join(f"127.0.0.1:{links[f'kafka-{n}'].port}" for n in range(self.plan.nodes))
        return {
            "THROUGHLINE_POSTGRES": row.environment["THROUGHLINE_POSTGRES"].replace(f":{self.plan.postgres_port}/", f":{links['postgres'].port}/"),
            "THROUGHLINE_REGISTRY": f"http://127.0.0.1:{links['registry'].port}",
            "THROUGHLINE_KAFKA": nodes,
            "THROUGHLINE_NETSUITE_URL": f"http://netsuite.test:{links['netsuite'].port}/{{tenant}}",
            "THROUGHLINE_PSA_URL": f"http://psa.test:{links['psa'].port}",
        }

    def _link_up(self) -> None:
        base, extra = self.plan.port_base, self.extra
        ways = {"postgres": self.plan.postgres_port, "registry": base + ports.REGISTRY, "netsuite": base + ports.NETSUITE, "psa": base + ports.PSA}
        for index, (name, upstream) in enumerate(ways.items()):
            self.proxy.add(Link(name, extra + index, upstream, hosts=VENDOR_HOSTS if name in ("netsuite", "psa") else VENDOR_HOSTS[:1]))
        for node in range(self.plan.nodes):
            self.proxy.add(Link(f"kafka-{node}", extra + 7 + node, extra + 4 + node, framed=True))

    def _arguments(self, row: Process) -> list[str]:
        if not row.name.startswith("kafka-"):
            return list(row.arguments)
        node = int(row.name.removeprefix("kafka-"))
        told = [str(part) for part in row.arguments[2:]]
        return ["-m", "tests.faults.broker", *told, "--listen", str(self.extra + 4 + node), "--advertise", str(self.extra + 7 + node)]

    def _mount_disks(self) -> None:
        """Small disks for Kafka's first node and for PostgreSQL, where this machine lets us mount; else they can't be filled."""
        place = settle(self.plan.home)
        for folder in (self.plan.cluster.data(0), place.data):
            folder.mkdir(parents=True, exist_ok=True)
            owner = place.account if folder == place.data else None
            if subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(folder)], check=False, capture_output=True).returncode:
                continue
            self.mounts.append(folder)
            if owner:
                shutil.chown(folder, owner.uid, owner.gid)
                folder.chmod(0o700)

    def _log(self, name: str) -> Path:
        return self.plan.home / "logs" / f"{name}.log"

    @staticmethod
    def _wait(url: str) -> None:
        wait_until(lambda: answers(url), timeout=120)


def _status(url: str) -> Any:
    try:
        return fetch_json(f"{url}/status", 3)
    except (OSError, HTTPException):
        return None


@contextmanager
def arena(kind: Callable[[Plan, int], A], nodes: int, keep: Path | None = None) -> Iterator[A]:
    """Up and ready; ended, and its data removed unless a place for it was named, or it was said to be `kept`."""
    folder = keep or Path(tempfile.mkdtemp(prefix="throughline-faults-"))
    home.make(folder)
    made = kind(Plan(folder.resolve(), free_port_base(), nodes), 0)
    made.kept = keep is not None
    made.extra = next(base for base in iter(free_port_base, None) if abs(base - made.plan.port_base) >= 50)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        if not made.kept:
            remove_home(folder / "standby")
            remove_home(folder)
