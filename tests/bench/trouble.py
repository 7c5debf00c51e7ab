"""Benchmark 3: how long healthy records take while a share of what comes is poison (does not decode) or parked (waits for a key nobody supplies)."""

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer

from tests.bench.durable import CONTRACTS, OURS, prepare
from tests.bench.job import PARKED, SCHEMA, Job, encode, orders
from tests.bench.measure import quantile, spread
from tests.bench.subject import committed, job, registered, running, topic, wait_for
from tests.support.stack import Stack

SHARES = (0.0, 0.01, 0.10)
PER_SECOND, SECONDS, SETTLE = 200, {"small": 10, "full": 20}, 200  # the first SETTLE records warm the process up and are left out
POISON = b"\x00\xff\xff\xff\xfenobody can read this"
TIMEOUT_S = 180
FIRST = 100
TARGET = 1.2


async def run(stack: Stack, repeat: int, scale: str) -> dict[str, Any]:
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    count = SETTLE + PER_SECOND * SECONDS[scale]
    taken: dict[float, list[list[float]]] = {share: [] for share in SHARES}
    for turn in range(repeat):
        for share in SHARES:
            taken[share].append(await _healthy(stack, f"trouble-{turn}-{int(share * 100)}", share, count, schema_id))
            print(f"  {share:.0%} trouble: p50 {quantile(taken[share][-1], 0.5):.1f} ms, p99 {quantile(taken[share][-1], 0.99):.1f} ms", flush=True)
    rows = [_row(share, taken) for share in SHARES]
    told = {"title": "Healthy records beside poison and parked ones", "unit": "ms", "per_second": PER_SECOND, "target": TARGET, "rows": rows}
    return told | {"met": all(row["p99_ratio"] <= TARGET for row in rows)}


def _row(share: float, taken: dict[float, list[list[float]]]) -> dict[str, Any]:
    told: dict[str, Any] = {"share": share}
    for name, at in (("p50", 0.5), ("p99", 0.99)):
        of_runs = [quantile(each, at) for each in taken[share]]
        told[name] = spread(of_runs)
        told[f"{name}_ratio"] = round(quantile(of_runs, 0.5) / quantile([quantile(each, at) for each in taken[0.0]], 0.5), 3)
    return told


async def _healthy(stack: Stack, name: str, share: float, count: int, schema_id: int) -> list[float]:
    """Milliseconds of each healthy record from the moment it was due to the moment the broker had what follows from it."""
    given = await job(stack, name, topic(stack, f"bench.{name}"))
    await prepare(stack, given)
    with running(OURS, "throughline", given) as process:
        send_first(given, schema_id)
        wait_for(process, given, FIRST, time.monotonic() + TIMEOUT_S)
        due = send(given, share, count, schema_id)
        wait_for(process, given, FIRST + len(due), time.monotonic() + TIMEOUT_S)
    return taken(due, {message.key() or b"": float(message.timestamp()[1]) for message in committed(given.bootstrap, given.output)})


def taken(due: dict[bytes, float], found: dict[bytes, float]) -> list[float]:
    """How long each record took, in the order in which they were due, as the output is read partition by partition; without the first SETTLE."""
    assert not (missing := due.keys() - found.keys()), f"{len(missing)} of {len(due)} healthy records were never published, such as {min(missing)!r}"
    return [found[key] - at for key, at in sorted(due.items(), key=lambda each: each[1])][SETTLE:]


def send_first(given: Job, schema_id: int) -> None:
    """Enough for every lane, by which the process shows that it is at work."""
    producer = Producer({"bootstrap.servers": given.bootstrap})
    for number, order in enumerate(orders(FIRST, FIRST)):
        producer.produce(given.source, encode(order | {"contract_id": f"FIRST-{number}"}, schema_id), key=f"FIRST-{number}")
    assert producer.flush(30) == 0


def send(given: Job, share: float, count: int, schema_id: int) -> dict[bytes, float]:
    """When each healthy record was due, by its key; each has a key of its own, as a contract that is told of once."""
    producer = Producer({"bootstrap.servers": given.bootstrap, "linger.ms": 0})
    due: dict[bytes, float] = {}
    began = time.time()
    for number, (key, value, healthy) in enumerate(_mixed(share, count, schema_id)):
        at = began + number / PER_SECOND
        while (wait := at - time.time()) > 0:
            producer.poll(min(wait, 0.01))
        if healthy:
            due[key] = at * 1000
        producer.produce(given.source, value, key=key)
    assert producer.flush(30) == 0
    return due


def _mixed(share: float, count: int, schema_id: int) -> Iterator[tuple[bytes, bytes, bool]]:
    """Trouble is spread evenly: poison and parked by turns."""
    every = round(1 / share) if share else 0
    for number, order in enumerate(orders(count, max(count, CONTRACTS))):
        key = order["contract_id"].encode()
        if every and number % every == 0:
            parked = encode(order | {"customer": PARKED}, schema_id)
            yield key, parked if number // every % 2 else POISON, False
        else:
            yield key, encode(order, schema_id), True
