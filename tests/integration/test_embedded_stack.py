"""The embedded Kafka and PostgreSQL are real ones and keep what they were given."""

from __future__ import annotations

import asyncpg
import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from tests.support.stack import Stack


async def test_postgres_is_version_18_and_durable(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        settings = [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
        assert connection.get_server_version().major == 18
        assert settings == ["on", "on", "on"]
    finally:
        await connection.close()


async def test_postgres_asks_for_the_password(stack: Stack) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(stack.dsn, password="guess")


def test_topics_are_not_created_by_use(stack: Stack) -> None:
    failures: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": stack.bootstrap, "message.timeout.ms": 3000, "log_level": 0})
    producer.produce("never.created", b"x", on_delivery=lambda error, _: failures.append(error))
    producer.flush(20)
    assert [error is None for error in failures] == [False]
    assert "never.created" not in AdminClient({"bootstrap.servers": stack.bootstrap}).list_topics(timeout=20).topics
