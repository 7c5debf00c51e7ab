"""`throughline doctor`: looks at everything a stack needs and says what it would not leave as it is."""

import platform
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from shared.ops import calls, show
from shared.ops.console import ask, fetch
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError
from shared.wire import catalogue

LEAST_FREE = 1 << 30  # a broker that cannot write stops the whole stack
LOW_FREE_TEXT = "1 GiB"
CLOCK_SECONDS = 5.0
STALE_SECONDS = 300.0
PORTS = {"postgres": 5432, "https": 443}  # where an address names none
PACKAGES = ("confluent-kafka", "aiokafka", "asyncpg", "fastavro", "faust-streaming", "opentelemetry-sdk")


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: `well` is False for what needs somebody, and `said` then says what to do."""

    part: str
    well: bool
    said: str


def examine(endpoints: Endpoints) -> list[Finding]:
    """Look at all parts at the same time; a look that fails is a finding, never an error."""
    looks = [*_looks(endpoints)]
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        return [finding for findings in pool.map(lambda look: _look(*look), looks) for finding in findings]


def draw(findings: list[Finding]) -> None:
    rows = [("ok" if each.well else "LOOK", each.part, each.said) for each in findings]
    show.out(show.table("", ("", "part", "what was found"), rows))
    wrong = sum(not each.well for each in findings)
    show.say(f"{wrong} to look at." if wrong else "All well.")


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    return [asdict(each) for each in findings]


def _looks(endpoints: Endpoints) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    yield "this machine", lambda: _machine(endpoints)
    if kafka := endpoints.get("kafka"):
        yield "kafka", lambda: _kafka(kafka)
    if registry := endpoints.get("registry"):
        yield "registry", lambda: _registry(registry)
    yield "console", lambda: _console(endpoints)
    services = catalogue.load().services
    for name in services:
        yield name, _service(name, endpoints)
    for name, address in endpoints.addresses.items():
        if name not in ("kafka", "registry", "console", *services):
            yield name, _reached(name, address)


def _look(part: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:
        said = str(error) if isinstance(error, OpsError | OSError) else f"could not be looked at: {error!r}"
        return [Finding(part, False, said)]


def _machine(endpoints: Endpoints) -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("packages", True, ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES))
    if endpoints.home is not None:
        free = shutil.disk_usage(endpoints.home).free
        said = f"{free / (1 << 30):.1f} GiB free under {endpoints.home}"
        yield Finding("disk", free >= LEAST_FREE, said if free >= LEAST_FREE else f"only {said}: free some, {LOW_FREE_TEXT} is the least")


def _kafka(bootstrap: str) -> Iterator[Finding]:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        cluster = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 4000}).list_topics(timeout=5)
    except KafkaException as error:
        reason = error.args[0].str()
        yield Finding("kafka", False, f"no broker answers at {bootstrap} ({reason}): is the stack up? Its log is logs/kafka-0.log in the home.")
        return
    yield Finding("kafka", True, f"{len(cluster.brokers)} broker(s) at {bootstrap}")
    missing = [topic.name for topic in catalogue.load() if topic.exists and topic.name not in cluster.topics]
    yield Finding("topics", not missing, f"missing: {', '.join(missing)}; run `throughline topics apply`" if missing else "as in the catalogue")


def _registry(url: str) -> Iterator[Finding]:
    from shared.wire.registry import Registry, RegistryAway

    try:
        subjects = set(Registry(url).subjects())
    except RegistryAway as error:
        yield Finding("registry", False, str(error))
        return
    missing = [topic.subject for topic, _ in catalogue.load().typed() if topic.subject not in subjects]
    said = f"not published: {', '.join(missing)}; run `throughline schemas publish`" if missing else f"{len(subjects)} subjects at {url}"
    yield Finding("registry", not missing, said)


def _console(endpoints: Endpoints) -> Iterator[Finding]:
    health = ask(endpoints, "healthz")
    stale = health["stale_s"]
    yield Finding("console", health["status"] == "ok", f"{health['status']}; last change {'none yet' if stale is None else f'{stale:.0f} s ago'}")
    summary = ask(endpoints, "summary")
    drift = abs((datetime.fromisoformat(summary["as_of"]) - datetime.now(UTC)).total_seconds())
    said = f"{drift:.1f} s from the console's" + ("" if drift < CLOCK_SECONDS else ": set both by NTP, waits and SLA clocks are wrong")
    yield Finding("clock", drift < CLOCK_SECONDS, said)


def _reached(name: str, address: str) -> Callable[[], Iterator[Finding]]:
    def look() -> Iterator[Finding]:
        host, port = _host_and_port(name, address)
        try:
            socket.create_connection((host, port), timeout=3).close()
            yield Finding(name, True, f"listens on {host}:{port}")
        except OSError as error:
            yield Finding(name, False, f"nothing listens on {host}:{port} ({error.strerror or error}): see logs/{name}.log in the home")

    return look


def _host_and_port(name: str, address: str) -> tuple[str, int]:
    told = urlsplit(address if "://" in address else f"//{address}")
    return told.hostname or "127.0.0.1", told.port or PORTS.get(name) or PORTS.get(told.scheme, 80)


def _service(name: str, endpoints: Endpoints) -> Callable[[], Iterator[Finding]]:
    def look() -> Iterator[Finding]:
        told = fetch(f"{endpoints[name].rstrip('/')}/status", timeout=5)
        halted = "; ".join(f"{lane} halted: {why}" for lane, why in told["halted"].items())
        said = f"{told['lanes']} lanes, {told['lag']} records behind, {told['effects_open']} calls open, {told['held']} records held"
        yield Finding(
            name,
            not halted and told["lanes"] > 0,
            halted or (said if told["lanes"] else "owns no lane: it is still joining, or another instance has all"),
        )
        if parked := calls.parked(told):
            more = f" (and {len(parked) - 1} more)" if len(parked) > 1 else ""
            yield Finding(f"{name} calls", False, f"{calls.said(parked[0])}{more}; mend the adapter, then `throughline calls retry {name}`")

    return look
