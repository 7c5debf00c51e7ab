"""What a service says of itself: is it alive, is it ready, what is left to do."""

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass

import asyncpg
from aiohttp import web

from shared.runtime.calls_desk import Calls
from shared.runtime.engine import Engine
from shared.runtime.governor import Circuit
from shared.runtime.ops_token import token_of
from shared.runtime.redriving.desk import Desk
from shared.runtime.redriving.requests import MOST_BYTES
from shared.runtime.runner import Runner
from shared.runtime.settings import RuntimeSettings
from shared.store.effects import FAULTS_TO_PARK, EffectStore
from shared.store.pool import AWAY
from shared.telemetry import metrics
from shared.telemetry.metrics import METRICS

LEFT = """
select (select count(*) from inbox where due < 'infinity') as inbox, (select count(*) from effect where status in ('open', 'claimed')) as effects,
  (select count(*) from held) as held, (select count(*) from dead_letter where resolved is null) as dead_letters,
  (select coalesce(sum(last - first + 1), 0)::bigint from outbox_page) as outbox
"""
WAITS = "select queue, count(distinct key) as contracts, extract(epoch from now() - min(since))::float8 as oldest from wait group by queue"
EFFECTS = """
select target, count(*) as open, min(created) as since, extract(epoch from now() - min(created))::float8 as age,
  count(*) filter (where faults >= $1) as parked
from effect where status in ('open', 'claimed') group by target
"""
CIRCUIT = {Circuit.CLOSED: metrics.CIRCUIT_CLOSED, Circuit.HALF_OPEN: metrics.CIRCUIT_HALF_OPEN, Circuit.OPEN: metrics.CIRCUIT_OPEN}
HELD = "select count(*) from held"
MOST_PARKED = 20
TABLES_S = 5.0  # a scrape waits for ten


@dataclass(slots=True)
class Status:
    """Answers `GET /livez`, `/readyz`, `/status` and `/metrics`, and has the desk for dead letters beside them."""

    engine: Engine
    pool: asyncpg.Pool
    settings: RuntimeSettings
    runner: Runner | None = None

    @property
    def effects(self) -> EffectStore:
        return EffectStore(self.pool)

    async def serve(self) -> web.AppRunner:
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes([web.get("/livez", self.live), web.get("/readyz", self.ready), web.get("/status", self.status)])
        token = token_of(self.settings)
        app.add_routes(
            [web.get("/metrics", self.metrics), *Desk(self.engine, self.pool, token).routes(), *Calls(self.effects, token).routes()]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, self.settings.ops_host, self.settings.ops_port).start()
        return runner

    async def live(self, request: web.Request) -> web.Response:
        return web.json_response({"service": self.engine.service.name, "alive": True})

    async def ready(self, request: web.Request) -> web.Response:
        """Ready while it owns a lane. Where instances are more than partitions some have none, and are there for the day that another ends."""
        ready = self.engine.reader is not None and len(self.engine.lanes) > 0
        return web.json_response({"service": self.engine.service.name, "ready": ready}, status=200 if ready else 503)

    async def status(self, request: web.Request) -> web.Response:
        lag, working = self._lag(), self.engine.working  # before what is left is counted: work moves from the lag into the tables
        left = await self.pool.fetchrow(LEFT)
        assert left is not None
        halted = self.engine.owning.halts
        settled = not (working or self.engine.working) and not any((lag, left["outbox"], left["inbox"], left["effects"]))
        return web.json_response(
            {
                "service": self.engine.service.name,
                "lanes": len(self.engine.lanes),
                "lag": lag,
                "outbox": left["outbox"],
                "inbox_due": left["inbox"],
                "effects_open": left["effects"],
                "held": left["held"],
                "dead_letters": left["dead_letters"],
                "processed": self.engine.processed,
                "halted": halted,
                "parked": [asdict(each) | {"id": str(each.id), "since": each.since.isoformat()} for each in await self.effects.parked(MOST_PARKED)],
                "targets": await self._targets(),
                "idle": settled and not halted and len(self.engine.lanes) > 0,
            }
        )

    async def metrics(self, request: web.Request) -> web.Response:
        for each in (METRICS.lag, METRICS.waits, METRICS.oldest_wait, METRICS.parked, METRICS.oldest_call):
            each.clear()
        self._lag()
        self._relays()
        self._governors()
        with suppress(*AWAY):  # what needs no database is told all the same: halted lanes are asked for most while it is away
            async with asyncio.timeout(TABLES_S):
                await self._tables()
        return web.Response(body=metrics.render(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _tables(self) -> None:
        METRICS.held.set(await self.pool.fetchval(HELD))
        for row in await self.pool.fetch(EFFECTS, FAULTS_TO_PARK):
            METRICS.parked.labels(row["target"]).set(row["parked"])
            METRICS.oldest_call.labels(row["target"]).set(row["age"])
        for row in await self.pool.fetch(WAITS):
            METRICS.waits.labels(row["queue"]).set(row["contracts"])
            METRICS.oldest_wait.labels(row["queue"]).set(row["oldest"])

    async def _targets(self) -> list[dict[str, object]]:
        """Systems with open calls, and those called since the start: how they are, and how much of their allowance is in use here."""
        open_calls = {r["target"]: r for r in await self.pool.fetch(EFFECTS, FAULTS_TO_PARK)}
        governed = self.runner.governed if self.runner else {}
        return [
            {
                "target": name,
                "open": open_calls[name]["open"] if name in open_calls else 0,
                "parked": open_calls[name]["parked"] if name in open_calls else 0,
                "since": open_calls[name]["since"].isoformat() if name in open_calls else None,
                "state": governed[name].state() if name in governed else self._not_called(name),
                "in_use": governed[name].in_use if name in governed else 0,
                "allowance": governed[name].target.allowance.concurrency if name in governed else None,
            }
            for name in sorted(open_calls.keys() | governed.keys())
        ]

    def _not_called(self, name: str) -> str:
        """Calls to a target that the service does not know wait for somebody to name it, or to mend what named it."""
        try:
            if self.runner:
                self.runner.means.find(name)
        except KeyError:
            return "unknown"
        return "flowing"

    def _relays(self) -> None:
        """Of lanes owned here; those that were let go are another's to tell of."""
        METRICS.relay_backlog.clear()
        METRICS.relay_stalled.clear()
        for lane, relay in self.engine.relays.by_lane.items():
            name = f"{lane[0]}/{lane[1]}"
            METRICS.relay_backlog.labels(name).set(relay.backlog)
            METRICS.relay_stalled.labels(name).set(relay.stalled_s)

    def _governors(self) -> None:
        for name, governed in self.runner.governed.items() if self.runner else ():
            METRICS.governor_in_use.labels(name).set(governed.in_use)
            METRICS.governor_limit.labels(name).set(governed.pace.limit)
            METRICS.circuit.labels(name).set(CIRCUIT[governed.circuit])

    def _lag(self) -> int:
        """Records behind, over the lanes owned here; offsets that only carry markers of transactions do not count, an unknown end does, and a
        lane that could not be claimed yet."""
        reader, total = self.engine.reader, 0
        ends = reader.ends(self.engine.lanes.names) if reader else {}
        for claim in self.engine.lanes:
            end = ends.get(claim.lane)
            behind = 1 if end is None else max(0, end - claim.caught_up_to)
            METRICS.lag.labels(claim.lane[0], str(claim.lane[1])).set(behind)
            total += behind
        for topic, part in set(reader.unclaimed) if reader else ():
            METRICS.lag.labels(topic, str(part)).set(1)
            total += 1
        return total
