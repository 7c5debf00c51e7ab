"""A service learns the schema ids of what it publishes before it begins, and beside its loop."""

import asyncio
import threading
from datetime import UTC, datetime

import pytest

from shared.messages.workflow import KpiWindow, Stage
from shared.runtime import learning
from shared.runtime.learning import learn
from shared.runtime.retry import Backoff
from shared.wire.codec import Codec
from shared.wire.registry import RegistryAway

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Slow:
    """A registry that is away at first, and then answers only when the loop lets it."""

    def __init__(self, away: int) -> None:
        self.away, self.asked = away, list[str]()
        self.let = threading.Event()

    def schema(self, schema_id: int) -> str:
        raise AssertionError("nothing is read here")

    def id_of(self, subject: str, schema: str) -> int:
        self.asked.append(subject)
        if len(self.asked) <= self.away:
            raise RegistryAway("nobody answers")
        assert self.let.wait(10), "the loop was held up"
        return 7


async def test_the_loop_goes_on_while_the_registry_is_asked_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "AGAIN", Backoff(first=0.001, limit=0.001))
    registry = Slow(away=2)
    codec = Codec(registry)
    learning_now = asyncio.create_task(learn("visibility", codec, asyncio.Event()))
    asyncio.get_running_loop().call_later(0.05, registry.let.set)
    await learning_now
    asked = len(registry.asked)
    assert set(registry.asked) == {"workflow.status.v1-value", "kpi.window.v1-value", "sla.breach.v1-value"}
    window = KpiWindow(event_id="e", occurred_at=NOW, window_start=NOW, window_end=NOW, business_unit="*", stage=Stage.ACTIVE, contracts=1, value=())
    assert codec.encode(window, "kpi.window.v1").startswith(b"\x00\x00\x00\x00\x07")
    assert len(registry.asked) == asked


async def test_a_service_that_is_stopped_does_not_wait_for_the_registry() -> None:
    stopping = asyncio.Event()
    registry = Slow(away=1000)
    learning_now = asyncio.create_task(learn("contract_events", Codec(registry), stopping))
    stopping.set()
    await asyncio.wait_for(learning_now, 5)
