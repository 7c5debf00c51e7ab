"""Benchmark 2: an ERP that is slow for one tenant: how much of its allowance is used, what it refuses, and what other tenants' contracts notice."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from confluent_kafka import Producer

from deploy.sandboxes.process import running as sandbox_running
from deploy.sandboxes.sign_in import netsuite_token
from tests.bench.durable import OURS, THEIRS, prepare
from tests.bench.job import SCHEMA, Job, encode, orders
from tests.bench.measure import failing, quantile, spread
from tests.bench.subject import job, registered, running, topic
from tests.bench.subjects.erp import STEPS, external_id
from tests.support.stack import Stack

SLOW, OTHER = "netsuite-slow", "netsuite-other"
AT_ONCE = 15
PER_SECOND = {SLOW: 20, OTHER: 4}  # at 200 ms a call the slow one takes 15 contracts a second
PHASES: dict[str, dict[str, Any] | None] = {
    "alone": None,
    "slow": {"account": SLOW, "latency_ms": 200},
    "heavy tail": {"account": SLOW, "heavy_tail": {"least_ms": 200, "alpha": 1.5, "most_ms": 5000}},
}
SECONDS = {"small": (12, 12, 12), "full": (35, 35, 35)}  # of each phase; at full scale the slow ones together go beyond the first minute
SETTLE_S = 4  # of each phase, left out of the allowance's use
MINUTE_S = 60
WAIT_S = 20  # behind the last phase, for contracts of the other tenant that are late
TARGETS = {"allowance_used": 0.95, "refused_after_first_minute": 0, "others_p99_ratio": 1.1}
Span = tuple[float, float]
Times = dict[str, float]  # by contract, seconds since the epoch
SUBJECTS = (
    ("throughline_erp", "Throughline", OURS),
    ("faststream_erp", "FastStream, 15 workers", THEIRS),
    ("group_erp", "plain consumer group, 6 members", THEIRS),
)


@dataclass(frozen=True)
class Call:
    """A call as the sandbox saw it; times are seconds since the epoch."""

    account: str
    began: float
    ended: float
    refused: bool


async def run(stack: Stack, repeat: int, scale: str) -> dict[str, Any]:
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    runs: dict[str, list[dict[str, Any]]] = {module: [] for module, _, _ in SUBJECTS}
    failed: list[str] = []
    for turn in range(repeat):
        for module, label, python in SUBJECTS:
            seconds = SECONDS[scale if module == "throughline_erp" else "small"]  # what the peers do, they do from the first second
            with failing(label, failed):
                runs[module].append(await _one(stack, f"{module.replace('_', '-')}-{turn}", module, python, seconds, schema_id))
                print(f"  {turn + 1}/{repeat} {label}: {_words(runs[module][-1])}", flush=True)
    rows = [{"subject": label} | _row(runs[module]) | {"runs": runs[module]} for module, label, _ in SUBJECTS if runs[module]]
    met = _met(rows[0]) if runs["throughline_erp"] else None
    return {"title": "Slow ERP", "unit": "share of the allowance", "rows": rows, "targets": TARGETS, "met": met, "failed": failed}


def _words(run: dict[str, Any]) -> str:
    used = ", ".join(f"{name} {share:.0%}" for name, share in run["used"].items())
    return f"{used} of the allowance, {run['refused']} refused, others' p99 {run['others_p99_ms']} ms"


def _row(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    slow = [name for name in PHASES if name != "alone"]
    p99 = {name: spread([run["others_p99_ms"][name] for run in runs]) for name in PHASES}
    alone: Any = p99["alone"]["median"]
    return {
        "used": {name: spread([run["used"][name] for run in runs]) for name in slow},
        "refused_after_first_minute": sum(run["refused_after_first_minute"] for run in runs),
        "others_p99_ms": p99,
        "others_p99_ratio": {name: round(p99[name]["median"] / alone, 3) for name in slow},
    }


def _met(row: dict[str, Any]) -> dict[str, bool]:
    return {
        "allowance_used": all(used["median"] >= TARGETS["allowance_used"] for used in row["used"].values()),
        "refused_after_first_minute": row["refused_after_first_minute"] == 0,
        "others_p99_ratio": all(ratio <= TARGETS["others_p99_ratio"] for ratio in row["others_p99_ratio"].values()),
    }


async def _one(stack: Stack, name: str, module: str, python: Path, seconds: tuple[int, ...], schema_id: int) -> dict[str, Any]:
    given = await job(stack, name, topic(stack, f"bench.{name}"))
    home = Path(given.folder) / "home"
    async with sandbox_running("netsuite", home) as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        tokens = {account: await netsuite_token(session, sandbox.url, account, home) for account in (SLOW, OTHER)}
        (Path(given.folder) / "erp").write_text(json.dumps({"url": sandbox.url, "home": str(home), "tokens": tokens}))
        if module == "throughline_erp":
            await prepare(stack, given)
        with running(python, module, given):
            sending = Sending(given, schema_id)
            due = await sending.at({OTHER: PER_SECOND[OTHER]}, 5)
            await _all_made(session, due)  # it is at work
            phases, dues = dict[str, Span](), dict[str, Times]()
            for (phase, order), lasting in zip(PHASES.items(), seconds, strict=True):
                await _order(session, order)
                began = time.time()
                dues[phase] = await sending.at(PER_SECOND if order else {OTHER: PER_SECOND[OTHER]}, lasting)
                phases[phase] = (began + SETTLE_S, time.time())
            await _order(session, None)
            made = await _all_made(session, {contract: at for each in dues.values() for contract, at in each.items()})
        return _told(await _calls(session), phases, dues, made, time.time())


def _told(calls: list[Call], phases: dict[str, Span], dues: dict[str, Times], made: Times, waited_until: float) -> dict[str, Any]:
    """A contract that was never made counts with the time that was waited for it."""
    slow = [call for call in calls if call.account == SLOW]
    refused = [call for call in slow if call.refused]
    first = min(call.began for call in slow)
    p99, missing = dict[str, float](), dict[str, int]()
    for phase, due in dues.items():
        p99[phase] = round(quantile([(made.get(contract, waited_until) - at) * 1000 for contract, at in due.items()], 0.99), 1)
        missing[phase] = sum(contract not in made for contract in due)
    return {
        "used": {name: round(under_way(slow, *phases[name]) / AT_ONCE, 4) for name in phases if name != "alone"},
        "refused": len(refused),
        "refused_after_first_minute": sum(call.began - first > MINUTE_S for call in refused),
        "others_p99_ms": p99,
        "others_never_made": missing,
    }


def under_way(calls: Sequence[Call], start: float, end: float) -> float:
    """Calls at work at the same time, on average between `start` and `end`; a refused one was never at work."""
    busy = sum(max(0.0, min(call.ended, end) - max(call.began, start)) for call in calls if not call.refused)
    return busy / (end - start)


class Sending:
    """Contracts of both tenants, evenly; every one is new."""

    def __init__(self, given: Job, schema_id: int) -> None:
        self.given, self.schema_id = given, schema_id
        self.producer = Producer({"bootstrap.servers": given.bootstrap, "linger.ms": 0})
        self.orders = iter(orders(10**6, 10**6))
        self.numbers = itertools.count()

    async def at(self, rates: dict[str, int], seconds: int) -> dict[str, float]:
        """When each contract of the other tenant was due."""
        began, due = time.time(), dict[str, float]()
        times = sorted((began + n / rate, account) for account, rate in rates.items() for n in range(rate * seconds))
        for at, account in times:
            await asyncio.sleep(max(0.0, at - time.time()))
            contract = f"{account}-{next(self.numbers)}"
            order = next(self.orders) | {"contract_id": contract, "customer": account}
            self.producer.produce(self.given.source, encode(order, self.schema_id), key=contract)
            self.producer.poll(0)
            if account == OTHER:
                due[contract] = at
        await asyncio.sleep(max(0.0, began + seconds - time.time()))
        assert self.producer.flush(10) == 0
        return due


async def _order(session: aiohttp.ClientSession, fault: dict[str, Any] | None) -> None:
    """Only this fault, or none."""
    async with session.delete("/_sandbox/faults") as cleared:
        assert cleared.status == 204
    if fault:
        async with session.post("/_sandbox/faults", json=fault) as ordered:
            assert ordered.status < 300, await ordered.text()


async def _all_made(session: aiohttp.ClientSession, due: dict[str, float]) -> dict[str, float]:
    """When the last object of each contract was made, by the sandbox's clock; waits for them for a while."""
    end, wanted = time.monotonic() + WAIT_S, {external_id(contract, STEPS - 1): contract for contract in due}
    while True:
        async with session.get("/_sandbox/records", params={"account": OTHER, "record": "customer"}) as told:
            held = (await told.json()).get("customer", [])
        made = {wanted[r["externalId"]]: datetime.fromisoformat(r["createdAt"]).timestamp() for r in held if r["externalId"] in wanted}
        if len(made) == len(due) or time.monotonic() > end:
            return made
        await asyncio.sleep(0.5)


async def _calls(session: aiohttp.ClientSession) -> list[Call]:
    """All about records, from the sandbox's own journal."""
    found, after = list[Call](), 0
    while True:
        async with session.get("/_sandbox/requests", params={"after": after, "limit": 1000}) as told:
            page = (await told.json())["requests"]
        if not page:
            return found
        found += [_call(each) for each in page if "/record/v1/" in each["path"]]
        after = page[-1]["n"]


def _call(told: dict[str, Any]) -> Call:
    ended = datetime.fromisoformat(told["at"]).timestamp()
    return Call(told["account"], ended - told["ms"] / 1000, ended, told["status"] == 429)
