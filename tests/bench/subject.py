"""Runs one program on the stack and measures it from outside: by the times at which the broker appended what it published."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import asyncpg
import psutil
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.wire.registry import Registry
from tests.bench.job import PARTITIONS, Job, decode, encode, orders
from tests.support.stack import Stack

WARM_UP = 0.05  # of the records, left out of the rate
QUIET_S = 2.0
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    """`published` as a reader of committed records sees it; `unique` of them by event id. CPU and memory are of the subject's own
    processes; a long silence says that a rate was stopped rather than slow."""

    published: int
    unique: int
    records_per_s: float
    cpu_s: float
    memory_mb: float
    longest_silence_s: float


def topic(stack: Stack, name: str, partitions: int = PARTITIONS, config: dict[str, str] | None = None) -> str:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    for future in admin.create_topics([NewTopic(name, partitions, config=config or {})]).values():
        future.result(30)
    return name


def source(stack: Stack, name: str, count: int, contracts: int, schema_id: int) -> str:
    fill(stack, topic(stack, name), count, contracts, schema_id)
    return name


def fill(stack: Stack, name: str, count: int, contracts: int, schema_id: int) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap, "enable.idempotence": True, "compression.type": "lz4", "linger.ms": 5})
    for order in orders(count, contracts):
        producer.produce(name, encode(order, schema_id), key=order["contract_id"])
        producer.poll(0)
    assert producer.flush(60) == 0


async def job(stack: Stack, name: str, read: str) -> Job:
    """Fresh output, database and folder for one subject."""
    unique = f"{name}-{uuid.uuid4().hex[:6]}"
    output = topic(stack, f"bench.{unique}.out", config={"message.timestamp.type": "LogAppendTime"})
    database = f"bench_{unique.replace('-', '_')}"
    admin = await asyncpg.connect(stack.dsn)
    await admin.execute(f"create database {database}")
    await admin.close()
    folder = stack.home / "bench" / unique
    folder.mkdir(parents=True)
    return Job(unique, stack.bootstrap, stack.registry, stack.dsn_of(database), read, output, str(folder))


@contextmanager
def running(python: Path, module: str, given: Job) -> Iterator[psutil.Popen]:
    """The program in its own process, taken down at the end."""
    with (Path(given.folder) / "log").open("wb") as log:
        process = psutil.Popen([str(python), "-m", f"tests.bench.subjects.{module}", given.as_argument()], cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            _end(process)


def _end(process: psutil.Popen) -> None:
    process.terminate()
    try:
        process.wait(20)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(10)


def measured(python: Path, module: str, given: Job, count: int, timeout: float) -> Outcome:
    """Raises AssertionError with the end of its log when the program ends or does not get there in `timeout` seconds."""
    with running(python, module, given) as process:
        wait_for(process, given, count, time.monotonic() + timeout)
        cpu, memory = used(process)
    read = sorted((message.timestamp()[1], decode(message.value() or b"")["event_id"]) for message in committed(given.bootstrap, given.output))
    warm = int(len(read) * WARM_UP)
    times = [at / 1000 for at, _ in read[warm:]]
    silence = max(later - earlier for earlier, later in pairwise(times))
    unique = len({event_id for _, event_id in read})
    return Outcome(len(read), unique, len(times) / max(times[-1] - times[0], 0.001), round(cpu, 2), round(memory, 1), round(silence, 3))


def wait_for(process: psutil.Popen, given: Job, count: int, end: float, quiet_s: float = QUIET_S) -> None:
    """Until as much as was sent has been appended, and nothing more came for a while."""
    looking = Consumer({"bootstrap.servers": given.bootstrap, "group.id": "look", "log_level": 0})
    last, since = -1, time.monotonic()
    while last < count or time.monotonic() - since < quiet_s:
        at_work = process.poll() is None and time.monotonic() < end
        assert at_work, f"{given.name} published {last} of {count}, then ended or was too late:\n{log_of(given)}"
        now = appended(looking, given)
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.25)
    looking.close()


def appended(looking: Consumer, given: Job) -> int:
    """Records in the output topic, and markers of transactions with them."""
    return sum(int(looking.get_watermark_offsets(TopicPartition(given.output, p), timeout=10)[1]) for p in range(PARTITIONS))


def log_of(given: Job) -> str:
    return (Path(given.folder) / "log").read_text(errors="replace")[-3000:]


def used(process: psutil.Popen) -> tuple[float, float]:
    family = [process, *process.children(recursive=True)]
    times = [each.cpu_times() for each in family]
    return sum(t.user + t.system for t in times), sum(each.memory_info().rss for each in family) / 2**20


def committed(bootstrap: str, name: str) -> Iterator[Message]:
    """Everything that a reader of committed records sees of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "look", "isolation.level": "read_committed", "enable.partition.eof": True}
    )
    partitions = consumer.list_topics(name, 10).topics[name].partitions
    consumer.assign([TopicPartition(name, p, 0) for p in partitions])
    ended: set[int | None] = set()
    while len(ended) < len(partitions):
        for message in consumer.consume(1000, 0.2):
            if message.error():
                ended.add(message.partition())
            else:
                yield message
    consumer.close()


def registered(stack: Stack, subject: str, schema: object) -> int:
    return Registry(stack.registry).register(subject, json.dumps(schema))
