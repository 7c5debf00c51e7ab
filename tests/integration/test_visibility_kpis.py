"""The KPI app against a real broker: it counts, it starts again without losing count, and it stops cleanly."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from services.visibility.domain.pace import EVERY_UNIT
from shared.messages.workflow import KpiWindow, SlaBreach
from shared.ops import schemas, topics
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.support.stack import Stack, wait_until
from tests.unit.visibility import stories
from tests.unit.visibility.stories import Reading, whole_way

WINDOWS, BREACHES, STATUSES = "kpi.window.v1", "sla.breach.v1", "workflow.status.v1"


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class App:
    """The KPI app as a process of its own."""

    def __init__(self, stack: Stack, log: Path) -> None:
        self.log, self.port = log, free_port()
        self.environment = {
            **os.environ,
            "THROUGHLINE_KAFKA": stack.bootstrap,
            "THROUGHLINE_REGISTRY": stack.registry,
            "THROUGHLINE_POSTGRES": "postgresql://nobody@127.0.0.1/none",
            "THROUGHLINE_OPS_PORT": str(self.port),
            "THROUGHLINE_VISIBILITY_FLUSH_S": "0.2",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "services.visibility", "kpis"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def end(self, sign: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(sign)
        return self.process.wait(30)

    def still_wanted(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-3000:]


def made_anew(stack: Stack) -> None:
    """The app counts all that its topics hold, and other tests may have left something there."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})

    def present() -> list[str]:
        return [name for name in (WINDOWS, BREACHES, STATUSES) if name in admin.list_topics(timeout=10).topics]

    if found := present():
        for deleted in admin.delete_topics(found).values():
            deleted.result(30)
    wait_until(lambda: not present())
    topics.apply(stack.bootstrap)


@pytest.fixture
def app(stack: Stack, tmp_path: Path) -> Iterator[App]:
    made_anew(stack)
    schemas.publish(stack.registry)
    found = App(stack, tmp_path / "kpis.log")
    yield found
    if found.process is not None and found.process.poll() is None:
        found.end(signal.SIGKILL)


class Figures:
    """What the app has published: the newest figure of each window, and every breach."""

    def __init__(self, stack: Stack) -> None:
        self.codec = Codec(Registry(stack.registry))
        self.consumer = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": f"figures-{time.time()}", "auto.offset.reset": "earliest"})
        self.consumer.subscribe([WINDOWS, BREACHES])
        self.windows: dict[tuple[datetime, str, str], KpiWindow] = {}
        self.breaches: list[SlaBreach] = []

    def show(self, condition: Callable[["Figures"], bool]) -> bool:
        record = self.consumer.poll(0.2)
        if record is not None and not record.error():
            value = record.value()
            assert value is not None
            if record.topic() == WINDOWS:
                window = self.codec.decode(value, KpiWindow)
                self.windows[window.window_start, window.business_unit, window.stage] = window
            else:
                self.breaches.append(self.codec.decode(value, SlaBreach))
        return condition(self)

    def active(self, unit: str) -> int:
        return sum(window.contracts for (_, name, stage), window in self.windows.items() if name == unit and stage == "ACTIVE")


def publish(stack: Stack, contracts: list[str], late: bool = False, **other: Any) -> None:
    """Statuses of contracts that became active just now; `late` ones were received long before."""
    codec, producer, reading = Codec(Registry(stack.registry)), Producer({"bootstrap.servers": stack.bootstrap}), Reading()
    for contract in contracts:
        began = (datetime.now(UTC) - stories.T0 - timedelta(seconds=5 if not late else 3600)).total_seconds()
        for topic, message in whole_way(contract, began, **other) if not late else [*whole_way(contract, began)][:2]:
            reading.read(topic, message)
    for status in reading.statuses:
        producer.produce(STATUSES, codec.encode(status, STATUSES), key=status.contract_id)
    producer.flush()


async def test_windows_count_each_contract_once_across_a_kill_and_a_restart(stack: Stack, app: App) -> None:
    publish(stack, [f"KPI-{number}" for number in range(20)])
    app.start()
    figures = Figures(stack)
    wait_until(lambda: figures.show(lambda f: f.active("BU-17") == 20 and f.active(EVERY_UNIT) == 20), app.still_wanted)
    app.end(signal.SIGKILL)
    publish(stack, [f"KPI-{number}" for number in range(15, 30)])
    app.start()
    wait_until(lambda: figures.show(lambda f: f.active(EVERY_UNIT) >= 30), app.still_wanted)
    await asyncio.to_thread(publish, stack, ["KPI-LATE"], late=True)
    wait_until(lambda: figures.show(lambda f: bool(f.breaches)), app.still_wanted)
    [breach] = figures.breaches
    assert (breach.contract_id, breach.cleared, breach.limit_s) == ("KPI-LATE", False, 900)
    assert app.end(signal.SIGTERM) == 0
