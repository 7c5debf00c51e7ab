"""Benchmark 1: the durable job (deduplicate, keep a state per contract, publish), by Throughline and by its peers in turn."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka.admin import AdminClient

from tests.bench.job import SCHEMA, Job
from tests.bench.measure import failing, spread
from tests.bench.subject import Outcome, job, measured, registered, source, topic
from tests.support.service import RUNTIME_TABLES
from tests.support.stack import Stack

CONTRACTS = 5_000
OURS, THEIRS = Path(sys.executable), Path(".venv-bench/bin/python").absolute()
TIMEOUT_S = 300


@dataclass(frozen=True)
class Subject:
    """`fast` ones are given the whole topic, the others a fifth of it. `target` is what Throughline wants to reach: its rate over this one's."""

    module: str
    label: str
    python: Path
    fast: bool
    target: float | None = None


SUBJECTS = (
    Subject("throughline", "Throughline", OURS, True),
    Subject("loop", "transactional loop, stores nothing", OURS, True, 0.8),
    Subject("quix", "Quix Streams, exactly-once", THEIRS, True, 1.3),
    Subject("faust_table", "Faust, exactly_once, table", THEIRS, False, 12),
    Subject("faststream_rows", "FastStream + asyncpg, 8 workers", THEIRS, False, 20),
    Subject("aiokafka_rows", "aiokafka + asyncpg", THEIRS, False, 20),
)


async def run(stack: Stack, repeat: int, records: int, only: frozenset[str] = frozenset()) -> dict[str, Any]:
    schema_id = registered(stack, "bench.in-value", SCHEMA)
    sources = {fast: source(stack, f"bench.in.{fast}", count, CONTRACTS, schema_id) for fast, count in ((True, records), (False, records // 5))}
    await _one(stack, SUBJECTS[1], sources[False], records // 5)  # warms the broker up, so that nobody has to go first
    outcomes: dict[str, list[Outcome]] = {}
    failed: list[str] = []
    for turn in range(repeat):
        for subject in (*SUBJECTS[turn % len(SUBJECTS) :], *SUBJECTS[: turn % len(SUBJECTS)]):
            if not only or subject.module in only:
                count = records if subject.fast else records // 5
                with failing(subject.label, failed):
                    outcome = await _one(stack, subject, sources[subject.fast], count)
                    outcomes.setdefault(subject.module, []).append(outcome)
                    print(f"  {turn + 1}/{repeat} {subject.label}: {_words(outcome)}", flush=True)
    return _told(outcomes, records) | {"failed": failed}


def _words(outcome: Outcome) -> str:
    return f"{outcome.records_per_s:,.0f} records/s, {outcome.cpu_s:.1f} s of CPU, longest silence {outcome.longest_silence_s:.1f} s"


async def _one(stack: Stack, subject: Subject, read: str, count: int) -> Outcome:
    given = await job(stack, subject.module.replace("_", "-"), read)
    if subject.module == "throughline":
        await prepare(stack, given)
    try:
        return measured(subject.python, subject.module, given, count, TIMEOUT_S)
    finally:
        AdminClient({"bootstrap.servers": stack.bootstrap}).delete_topics([given.output])


async def prepare(stack: Stack, given: Job) -> None:
    """What the preparation step does for a service: tables, its own topics, the schema of what it publishes."""
    topic(stack, f"{given.name}.dlt.v1", 1)
    topic(stack, f"{given.name}.position.v1", config={"cleanup.policy": "compact"})
    registered(stack, f"{given.output}-value", SCHEMA)
    connection = await asyncpg.connect(given.dsn)
    for migration in sorted(RUNTIME_TABLES.glob("*.sql")):
        await connection.execute(migration.read_text())
    await connection.close()


def _told(outcomes: dict[str, list[Outcome]], records: int) -> dict[str, Any]:
    rates = {name: spread([each.records_per_s for each in all_of]) for name, all_of in outcomes.items()}
    ours: Any = rates.get("throughline", {}).get("median")
    rows = []
    for subject in SUBJECTS:
        if subject.module in outcomes:
            rate: Any = rates[subject.module]["median"]
            rows.append(
                {
                    "subject": subject.label,
                    "records": records if subject.fast else records // 5,
                    "records_per_s": rates[subject.module],
                    "ratio": round(ours / rate, 3) if ours else None,
                    "target": subject.target,
                    "met": ours / rate >= subject.target if ours and subject.target else None,
                    "runs": [asdict(each) for each in outcomes[subject.module]],
                }
            )
    met = {row["subject"]: row["met"] for row in rows if row["met"] is not None}
    return {"title": "Durable job", "unit": "records/s", "rows": rows, "met": met}
