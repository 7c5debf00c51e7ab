"""The KPI app, on Faust: counts arrivals by window, runs the clock of every contract, and publishes what changed.

It keeps nothing of its own. At the start it reads the compacted statuses to their end, then follows them; both only recount, so a status read
twice changes nothing. For the same reason one instance is enough, and two would publish the same.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import faust
from aiohttp import web
from aiokafka import AIOKafkaConsumer
from faust.worker import Worker

from services.visibility.domain.pace import Breach, Clocks, Progress, Tally, Window
from shared.kernel.ids import derive
from shared.kernel.money import Money
from shared.messages import common
from shared.messages.workflow import KpiWindow, SlaBreach, Stage, WorkflowStatus
from shared.telemetry import logs
from shared.wire.codec import Codec
from shared.wire.limits import Undecodable
from shared.wire.registry import RegistryAway

STATUSES, WINDOWS, BREACHES = "workflow.status.v1", "kpi.window.v1", "sla.breach.v1"
AGAIN_S = 1.0
log = logs.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Addresses, and what is counted how. Windows that ended `recount` ago are not published again."""

    kafka: str
    ops_host: str
    ops_port: int
    log_level: str
    session_timeout_s: float
    flush_s: float
    limit: timedelta
    window: timedelta
    hop: timedelta
    recount: timedelta


class Pace:
    """The figures, and how they become records. `rebuilt` is set once every status up to the start was counted."""

    def __init__(self, terms: Terms, codec: Codec) -> None:
        self.terms, self.codec = terms, codec
        self.tally = Tally(terms.window, terms.hop)
        self.clocks = Clocks(terms.limit)
        self.rebuilt = asyncio.Event()

    async def count(self, value: bytes | None) -> None:
        """A registry that is away is asked again; a status that will never decode is left out, and said so."""
        while value is not None:
            try:
                self._follow(self.codec.decode(value, WorkflowStatus))
                return
            except RegistryAway as away:
                log.warning("registry_away", error=str(away))
                await asyncio.sleep(AGAIN_S)
            except Undecodable as problem:
                log.error("status_undecodable", reason=str(problem))
                return

    def _follow(self, status: WorkflowStatus) -> None:
        progress = Progress(
            contract_id=status.contract_id,
            business_unit=status.business_unit,
            stage=status.stage.value,
            stage_since=status.stage_since,
            received_at=status.received_at,
            active_at=status.active_at,
            value=Money(status.value.amount, status.value.currency),
        )
        self.tally.count(progress)
        self.clocks.follow(progress)

    def changed(self, now: datetime) -> list[tuple[str, str, KpiWindow | SlaBreach]]:
        """Topic, key and message of everything that changed since it was asked last."""
        since = now - self.terms.recount
        windows = [(WINDOWS, window.business_unit, self._window(window, now)) for window in self.tally.take_changed(since)]
        return [*windows, *((BREACHES, each.progress.contract_id, self._breach(each, now)) for each in self.clocks.take_breaches(now, since))]

    def _window(self, window: Window, now: datetime) -> KpiWindow:
        contracts, value = self.tally.contracts(window), self.tally.value(window)
        said = [f"{money.amount} {money.currency}" for money in value]
        name = (window.start.isoformat(), window.end.isoformat(), window.business_unit, window.stage)
        return KpiWindow(
            event_id=str(derive("kpi.window", *name, str(contracts), *said)),
            occurred_at=now,
            window_start=window.start,
            window_end=window.end,
            business_unit=window.business_unit,
            stage=Stage(window.stage),
            contracts=contracts,
            value=tuple(common.Money(amount=money.amount, currency=money.currency) for money in value),
        )

    def _breach(self, breach: Breach, now: datetime) -> SlaBreach:
        progress = breach.progress
        return SlaBreach(
            event_id=str(derive("sla.breach", progress.contract_id, progress.received_at.isoformat(), str(breach.cleared))),
            occurred_at=now,
            contract_id=progress.contract_id,
            stage=Stage(progress.stage),
            business_unit=progress.business_unit,
            since=progress.received_at,
            limit_s=int(self.terms.limit.total_seconds()),
            value=common.Money(amount=progress.value.amount, currency=progress.value.currency),
            cleared=breach.cleared,
        )


def build_app(pace: Pace, folder: Path) -> Any:
    """The Faust app. Topics come from the catalogue: it declares none, has no tables, and so needs no changelog."""
    terms = pace.terms
    app = faust.App(
        "visibility-kpis",
        broker=[f"kafka://{server}" for server in terms.kafka.split(",")],
        datadir=folder,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=2.0,
        broker_session_timeout=terms.session_timeout_s,
        broker_heartbeat_interval=terms.session_timeout_s / 3,
        stream_wait_empty=False,
        producer_acks=-1,
        producer_request_timeout=30.0,
    )
    statuses = app.topic(STATUSES, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)
    written = {name: app.topic(name, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes) for name in (WINDOWS, BREACHES)}

    @app.agent(statuses, name="pace")
    async def follow(stream: faust.StreamT[bytes]) -> None:
        async for value in stream:
            await pace.count(value)

    @app.task  # type: ignore[untyped-decorator]
    async def rebuild() -> None:
        await read_to_the_end(terms.kafka, pace)

    @app.task  # type: ignore[untyped-decorator]
    async def status() -> None:
        await serve_status(pace, terms.ops_host, terms.ops_port)

    @app.timer(terms.flush_s)  # type: ignore[untyped-decorator]
    async def publish() -> None:
        if pace.rebuilt.is_set():
            for topic, key, message in pace.changed(datetime.now(UTC)):
                await written[topic].send(key=key.encode(), value=pace.codec.encode(message, topic))

    return app


async def read_to_the_end(kafka: str, pace: Pace) -> None:
    """Count every status there is now. Without a group all partitions are this reader's."""
    consumer = AIOKafkaConsumer(
        STATUSES, bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        while not (partitions := consumer.assignment()):
            log.warning("topic_missing", topic=STATUSES)
            await asyncio.sleep(AGAIN_S)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(each) < ends[each] for each in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    await pace.count(record.value)
    finally:
        await consumer.stop()
    pace.rebuilt.set()
    log.info("rebuilt", windows=len(pace.tally.arrived), running=len(pace.clocks.running))


async def serve_status(pace: Pace, host: str, port: int) -> None:
    """Answers `/livez`, and `/readyz` once the figures are whole."""

    async def live(request: web.Request) -> web.Response:
        return web.json_response({"service": "visibility-kpis", "alive": True})

    async def ready(request: web.Request) -> web.Response:
        whole = pace.rebuilt.is_set()
        return web.json_response({"service": "visibility-kpis", "ready": whole}, status=200 if whole else 503)

    site = web.Application()
    site.add_routes([web.get("/livez", live), web.get("/readyz", ready)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def run_app(terms: Terms, codec: Codec) -> None:
    """Until SIGTERM or SIGINT."""
    logs.configure("visibility-kpis", terms.log_level)
    with tempfile.TemporaryDirectory(prefix="throughline-kpis-") as folder:
        app = build_app(Pace(terms, codec), Path(folder))
        Worker(app, loglevel=terms.log_level, quiet=True, redirect_stdouts=False, override_logging=False).execute_from_commandline()
