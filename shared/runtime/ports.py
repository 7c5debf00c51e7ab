"""What the runtime reaches the world through. `main` wires the real parts; whoever wants to see every interleaving brings others."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, Protocol, TypeVar

from shared.store.effects import AttemptRow, ClaimedEffect
from shared.store.rows import Batch, InboxRow, Lane, LaneRow, OutboxRow, Place, StateRow

P = ParamSpec("P")
T = TypeVar("T")
Chance = Callable[[float, float], float]
"""A number between two others, drawn anew at each call."""


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


class Worker(Protocol):
    """Threads that may block, beside the loop. `run`, `submit` and `close` are called from the loop; `wait` and `tell` from the threads."""

    async def run(self, what: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T: ...
    def submit(self, what: Callable[[], object]) -> object: ...
    def wait(self, coroutine: Coroutine[Any, Any, T], timeout: float) -> T: ...
    def tell(self, what: Callable[[list[Lane]], None], lanes: list[Lane]) -> None: ...
    def close(self) -> None: ...


class LaneRows(Protocol):
    """`shared.store.lanes.LaneStore` is one."""

    async def claim(self, lanes: Sequence[Lane], topic_ids: Mapping[str, str]) -> list[LaneRow]: ...
    async def read(self, lanes: Sequence[Lane]) -> list[LaneRow]: ...
    async def mark_suspect(self, lane: Lane, offset: int, epoch: int) -> int: ...
    async def survived(self, lane: Lane, offset: int, epoch: int) -> None: ...
    async def incarnation(self) -> str: ...


class Batches(Protocol):
    """`shared.store.batches.BatchStore` is one. `commit` raises Fenced or Conflict."""

    async def load(self, keys: Collection[str]) -> dict[str, StateRow]: ...
    async def due(self, lanes: Sequence[Lane], limit: int) -> list[InboxRow]: ...
    async def commit(self, batch: Batch) -> dict[Lane, list[OutboxRow]]: ...


class Outbox(Protocol):
    """`shared.store.outbox.OutboxStore` is one."""

    async def pending(self, lane: Lane, after: int, limit: int) -> list[OutboxRow]: ...
    async def clear(self, lane: Lane, upto: int) -> None: ...
    async def unpublished(self, places: Sequence[Place]) -> dict[Place, int]: ...
    async def head(self, lane: Lane) -> int: ...


class Effects(Protocol):
    """`shared.store.effects.EffectStore` is one."""

    async def waiting(self) -> dict[str, int]: ...
    async def claim(self, target: str, lease: float, limit: int) -> Sequence[ClaimedEffect]: ...
    async def postpone(self, effect: ClaimedEffect, delay: float, doubtful: bool, attempt: AttemptRow) -> None: ...
    async def fault(self, effect: ClaimedEffect, delay: float, why: str, attempt: AttemptRow) -> None: ...
    async def end(self, effect: ClaimedEffect, status: str, body: bytes, attempt: AttemptRow) -> InboxRow | None: ...


class TopicIds(Protocol):
    """`shared.runtime.identity.KafkaTopicIds` is one. `of` leaves out topics that are not there, and raises TopicUnclear."""

    async def of(self, topics: Collection[str]) -> Mapping[str, str]: ...


class Permits(Protocol):
    """`shared.store.permits.PermitStore` is one."""

    async def prepare(self, target: str, concurrency: int) -> None: ...
    async def take(self, target: str, lease: float, concurrency: int, wanted: int) -> set[int]: ...
    async def renew(self, target: str, lease: float) -> set[int]: ...
    async def free(self, target: str, slots: set[int]) -> None: ...


Configured = Callable[[dict[str, object]], Any]
"""Makes a client of Kafka with the calls of confluent-kafka's Consumer or Producer, from its configuration."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What is neither ours nor the database's. `worker` takes a name and the number of threads."""

    consumer: Configured
    producer: Configured
    worker: Callable[[str, int], Worker]
    clock: Clock
    chance: Chance


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is put together from."""

    lanes: LaneRows
    batches: Batches
    outbox: Outbox
    outside: Outside
    topic_ids: TopicIds


async def as_coroutine(awaited: Awaitable[T]) -> T:
    return await awaited
