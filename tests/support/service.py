"""A small service on real parts: it counts the accounts it is told of, waits for parents, and calls a target when told to."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr

from shared.kernel.cause import Cause
from shared.messages.source import SourceAccount
from shared.runtime.answers import Done, Rejected
from shared.runtime.decision import (
    Decision,
    Emit,
    Intent,
    Known,
    Outcome,
    Route,
    Service,
    Target,
    WaitFor,
    applied,
    dead_letter,
    duplicate,
)
from shared.runtime.events import Answered, Received, Woken
from shared.runtime.settings import RuntimeSettings
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.support.stack import Stack, free_port_base

PARTITIONS = 3
RUNTIME_TABLES = Path(__file__).resolve().parents[2] / "shared" / "store" / "migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many events an account has seen, and the parent that it waits for."""

    account_id: str = ""
    seen: tuple[str, ...] = ()
    parent: str | None = None
    last: str = ""
    external_id: str | None = None


@dataclass
class Bench:
    """A service's own topics and schema on the session's stack."""

    stack: Stack
    dsn: str
    name: str
    codec: Codec
    target: Callable[[str], Target] | None = None
    faults: set[str] = field(default_factory=lambda: {"bad"})  # names that break a rule, until somebody mends it
    bugs: set[str] = field(default_factory=lambda: {"bug"})
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return f"{self.name}.in.v1"

    @property
    def output(self) -> str:
        return f"{self.name}.out.v1"

    @property
    def dead_letters(self) -> str:
        return f"{self.name}.dlt.v1"

    def service(self) -> Service:
        def on_account(state: Counted | None, event: Received[SourceAccount], known: Known, now: datetime) -> Decision:
            state, message = state or Counted(), event.message
            if message.event_id in state.seen:
                return duplicate("seen before")
            if message.name in self.faults:
                return dead_letter(Cause("bad-name", f"account '{message.account_id}' is called {message.name}"))
            if message.name in self.bugs:
                raise RuntimeError("the decider has a bug")
            state = replace(state, account_id=event.key, seen=(*state.seen, message.event_id), parent=message.parent_id, last=message.name)
            return self._settle(state, known)

        def on_woken(state: Counted, event: Woken, known: Known, now: datetime) -> Decision:
            return self._settle(state, known)

        def on_answered(state: Counted, event: Answered, known: Known, now: datetime) -> Decision:
            if "answer" in self.bugs:
                raise RuntimeError("the decider of answers has a bug")
            match event.answer:
                case Done(external_id=external_id):
                    return applied(replace(state, external_id=external_id))
                case Rejected(cause=cause):
                    return dead_letter(cause, state)

        return Service(
            name=self.name,
            routes=(Route(self.source, SourceAccount, on_account, "account"),),
            states={"account": Counted},
            on_woken=on_woken,
            on_answered=on_answered,
            target=self.target,
        )

    def _settle(self, state: Counted, known: Known) -> Decision:
        key = state.account_id
        supplies = (f"account:{key}",)
        if state.parent and known.get(f"account:{state.parent}") is None:
            wait = WaitFor(f"account:{state.parent}", "sales operations", "the parent is not known yet")
            return Decision(Outcome.WAITING, state, waits=(wait,), supplies=supplies)
        message = account(key, state.last, event_id=state.seen[-1], parent_id=state.parent)
        intents = (Intent("open", "ledger", {"account": key, "count": str(len(state.seen))}),) if self.target else ()
        return applied(state, emits=(Emit(self.output, key, message),), supplies=supplies, intents=intents)

    def runtime_settings(self) -> RuntimeSettings:
        return RuntimeSettings(
            kafka=self.stack.bootstrap,
            postgres=SecretStr(self.dsn),
            registry=self.stack.registry,
            ops_port=free_port_base(),
            **({"poll_s": 0.05, "session_timeout_s": 6} | self.settings),
        )

    def send(self, *messages: tuple[str, SourceAccount | bytes]) -> None:
        producer = Producer({"bootstrap.servers": self.stack.bootstrap, "enable.idempotence": True})
        for key, message in messages:
            value = message if isinstance(message, bytes) else self.codec.encode(message, self.source)
            producer.produce(self.source, value, key=key)
        assert producer.flush(30) == 0

    def published(self, topic: str) -> list[tuple[str, dict[str, bytes], bytes]]:
        """Everything a reader of committed records sees of a topic, partition by partition: key, headers, value."""
        consumer = Consumer(
            {"bootstrap.servers": self.stack.bootstrap, "group.id": "look", "isolation.level": "read_committed", "enable.partition.eof": True}
        )
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        found: list[tuple[str, dict[str, bytes], bytes]] = []
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(500, 0.2):
                if message.error():
                    ended.add(message.partition())
                else:
                    headers = {str(pair[0]): pair[1] for pair in message.headers() or [] if isinstance(pair[1], bytes)}
                    found.append(((message.key() or b"").decode(), headers, message.value() or b""))
        consumer.close()
        return found

    def emitted(self) -> list[tuple[str, SourceAccount]]:
        return [(key, self.codec.decode(value, SourceAccount)) for key, _, value in self.published(self.output)]

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()


def account(key: str, name: str, *, event_id: str = "", parent_id: str | None = None, at: datetime | None = None) -> SourceAccount:
    return SourceAccount(
        event_id=event_id or str(uuid.uuid4()), occurred_at=at or datetime.now(UTC), source="test", account_id=key, name=name, parent_id=parent_id
    )


@asynccontextmanager
async def bench(stack: Stack, database: str, **settings: Any) -> AsyncIterator[Bench]:
    """Fresh topics and tables for one test."""
    name = f"svc{uuid.uuid4().hex[:8]}"
    made = Bench(stack, database, name, Codec(Registry(stack.registry)), settings=settings)
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    topics = [NewTopic(t, PARTITIONS) for t in (made.source, made.output)] + [NewTopic(made.dead_letters, 1)]
    topics.append(NewTopic(f"{name}.position.v1", PARTITIONS, config={"cleanup.policy": "compact"}))
    for future in admin.create_topics(topics).values():
        await asyncio.wrap_future(future)
    registry = Registry(stack.registry)
    for topic in (made.source, made.output):
        registry.register(f"{topic}-value", SourceAccount.avro_schema)
    connection = await asyncpg.connect(database)
    for migration in sorted(RUNTIME_TABLES.glob("*.sql")):
        await connection.execute(migration.read_text())
    await connection.close()
    yield made
    for future in admin.delete_topics([t.topic for t in topics]).values():
        await asyncio.wrap_future(future)
