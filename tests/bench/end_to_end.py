"""Benchmark 4: from a source event to its last ERP record, at 1, 10 and 100 contracts a second, as a multiple of the floor."""

import asyncio
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from tests.bench.contracts import SOURCE, Sender, bootstrap, dsn, sender, through
from tests.bench.floor import floor
from tests.bench.measure import quantile, spread
from tests.bench.subject import committed
from tests.e2e.whole import Whole, whole

RATES = (1, 10, 100)
SECONDS = {"small": 8, "full": 30}
WAIT_S = 120
MOST = 300  # contracts at one rate: a hundred a second comes as a burst of three seconds
TARGETS = {"p50_floors": 2, "p99_floors": 5}
LAST = "revRecSchedule"
IN_CALLS = """
select sum(a.ms)::int from erp_provisioning.effect e join erp_provisioning.attempt a on a.effect = e.id where e.key = any($1::text[]) group by e.key
"""
TOPICS = (SOURCE, "contract.state.v1", "engagement.ready.v1", "erp.provisioning.v1")
SERVICES, CALLS = 3, 5  # Kafka and Postgres are passed three times; then five calls follow each other, each behind a commit of the answer before


def run(scale: str, repeat: int) -> dict[str, Any]:
    with whole() as stack, tempfile.TemporaryDirectory() as folder:
        sending = sender(stack, Path(folder))
        sending.send_at(5, [f"WARM-{n}" for n in range(10)])
        through(stack, 11)
        runs = [_at(stack, sending, rate, turn, SECONDS[scale]) for turn in range(repeat) for rate in RATES]
    rows = [_row([run for run in runs if run["rate"] == rate]) for rate in RATES]
    hops = {"services": SERVICES, "calls": CALLS}
    met = {name: all(row[name]["median"] <= target for row in rows) for name, target in TARGETS.items()}
    return {"title": "Source event to last ERP record", "unit": "ms", "hops": hops, "targets": TARGETS, "met": met, "rows": rows}


def _row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All turns at one rate."""
    figures = {name: spread([run[name] for run in runs]) for name in ("p50", "p99", "p50_floors", "p99_floors")}
    return {"rate": runs[0]["rate"]} | figures | {"runs": runs}


def _at(stack: Whole, sending: Sender, rate: int, turn: int, seconds: int) -> dict[str, Any]:
    before, received = _floor(stack), stack.report()["contracts"]["received"]
    ids = [f"E2E-{turn}-{rate}-{n}" for n in range(min(MOST, rate * seconds))]
    due = sending.send_at(rate, ids)
    made = done(stack, set(ids))
    least = {name: round((value + after) / 2, 3) for (name, value), after in zip(before.items(), _floor(stack).values(), strict=True)}
    row = {"rate": rate, "sent": len(ids)} | _told(due, made, least, time.time()) | {"floor": least, "after_due_p50_ms": _passed(stack, due)}
    row["in_calls_p50_ms"] = asyncio.run(_in_calls(dsn(stack), ids))
    print(f"  {rate}/s: p50 {row['p50']} ms = {row['p50_floors']} floors, p99 {row['p99']} ms = {row['p99_floors']} floors", flush=True)
    print(f"    {row['after_due_p50_ms']}, in calls {row['in_calls_p50_ms']}, floor {least}", flush=True)
    through(stack, received + len(ids))
    return row


def _told(due: dict[str, float], made: dict[str, float], least: dict[str, float], waited_until: float) -> dict[str, Any]:
    """A contract that was never made counts with the time that was waited for it."""
    assert made, f"nothing sent at this rate has reached the ERP in {WAIT_S} s"
    taken = [(made.get(contract, waited_until) - at) * 1000 for contract, at in due.items()]
    step = least["postgres_commit_ms"] + least["kafka_round_trip_ms"]
    floors = {"floor_ms": round(step * (SERVICES + CALLS), 2), "floor_of_services_ms": round(step * SERVICES, 2)}
    row = {
        "done": len(made),
        "never_made": len(due.keys() - made.keys()),
        "rate_reached": round(len(made) / (max(made.values()) - min(due.values())), 2),
    } | floors
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        row[name] = round(quantile(taken, share), 1)
        row[f"{name}_floors"] = round(row[name] / floors["floor_ms"], 2)
    return row


async def _in_calls(dsn: str, ids: list[str]) -> float:
    """Milliseconds that half of the contracts spent in calls to the ERP, from request to answer: no way of recording them makes that less."""
    connection = await asyncpg.connect(dsn)
    taken = [each[0] for each in await connection.fetch(IN_CALLS, [f"contract:{contract}" for contract in ids])]
    await connection.close()
    return quantile(taken, 0.5)


def _floor(stack: Whole) -> dict[str, float]:
    return asyncio.run(floor(bootstrap(stack), dsn(stack)))


def done(stack: Whole, ids: set[str]) -> dict[str, float]:
    """When each contract's last record was made, by the sandbox's clock; those that are not there after a while are not in it."""
    end = time.monotonic() + WAIT_S
    made: dict[str, float] = {}
    while time.monotonic() < end and len(made) < len(ids):
        time.sleep(1)
        made = {contract: at for contract, at in _made(stack) if contract in ids}
    return made


def _made(stack: Whole) -> list[tuple[str, float]]:
    held = [record for account in stack.records("netsuite").values() for record in account.get(LAST, [])]
    return [(_contract(record["externalId"]), datetime.fromisoformat(record["createdAt"]).timestamp()) for record in held]


def _contract(external_id: str) -> str:
    return external_id.split("_")[1]  # of ids without an underscore, such as those sent here


def _passed(stack: Whole, due: dict[str, float]) -> dict[str, float]:
    """Milliseconds after its due time at which half of the contracts had reached each topic for the first and for the last time."""
    told: dict[str, float] = {}
    for name in TOPICS:
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for message in committed(bootstrap(stack), name):
            key = (message.key() or b"").decode()
            if key in due:
                first.setdefault(key, (message.timestamp()[1] / 1000 - due[key]) * 1000)
                last[key] = (message.timestamp()[1] / 1000 - due[key]) * 1000
        if first:
            told[name] = round(quantile(list(first.values()), 0.5), 1)
            told[f"{name} (last)"] = round(quantile(list(last.values()), 0.5), 1)
    return told
