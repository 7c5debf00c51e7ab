"""A broker in memory: partitions with transactions and their markers, and coordinators of transactions and of one consumer group."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from confluent_kafka import KafkaError, KafkaException

from shared.store.rows import Lane
from tests.simulation.world import World


class Fate(StrEnum):
    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False)
class Transaction:
    producer: str
    epoch: int
    fate: Fate = Fate.OPEN
    partitions: list[Lane] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Entry:
    """`marker`: takes an offset and carries nothing."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    transaction: Transaction | None
    marker: bool = False
    at: float = 0.0


def failure(code: int, why: str) -> KafkaException:
    return KafkaException(KafkaError(code, why))


def late(why: str) -> Exception:
    return failure(KafkaError._TIMED_OUT, why)


class Broker:
    """Offsets are positions in `logs`."""

    def __init__(self, world: World, topics: dict[str, int], transaction_s: float = 15.0) -> None:
        self.world = world
        self.topics = topics
        self.topic_ids = {topic: f"{topic}-1" for topic in topics}
        self.logs: dict[Lane, list[Entry]] = {(topic, part): [] for topic, parts in topics.items() for part in range(parts)}
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.transaction_s = transaction_s
        self.watchers: list[Callable[[], None]] = []

    def make_anew(self, topic: str) -> None:
        """Deleted, and there again under its name."""
        self.world.say(f"kafka: {topic} is made anew")
        self.topic_ids[topic] = f"{topic}-{int(self.topic_ids[topic].rpartition('-')[2]) + 1}"
        self.logs |= {lane: [] for lane in self.logs if lane[0] == topic}
        self._changed()

    def append(self, lane: Lane, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> None:
        self.logs[lane].append(Entry(key, value, headers or [], None, at=self.world.loop.elapsed))
        self._changed()

    def stable_end(self, lane: Lane) -> int:
        """Where readers of committed records stop: before the first record of an open transaction."""
        log = self.logs[lane]
        for transaction in self.open.values():
            if lane in transaction.partitions:
                return min(
                    next(i for i, e in enumerate(log) if e.transaction and e.transaction.fate is Fate.OPEN),
                    len(log),
                )
        return len(log)

    def committed(self, topic: str) -> list[tuple[Lane, Entry]]:
        lanes = [(topic, part) for part in range(self.topics[topic])]
        return [(lane, e) for lane in lanes for e in self.logs[lane][: self.stable_end(lane)] if visible(e)]

    def become(self, producer: str) -> int:
        """init_transactions: whoever had the id before is fenced, what it left open is aborted."""
        self._bump(producer)
        self.world.say(f"kafka: {producer} opened with epoch {self.epochs[producer]}")
        return self.epochs[producer]

    def write(
        self, producer: str, epoch: int, lane: Lane, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], adds: bool
    ) -> None:
        """`adds`: the transaction was told of the partition just before."""
        self._check(producer, epoch)
        transaction = self.open.get(producer)
        if not adds and (transaction is None or lane not in transaction.partitions):
            raise failure(KafkaError.INVALID_TXN_STATE, f"{producer} has no transaction under way on {lane[0]}/{lane[1]}")
        if transaction is None:
            transaction = self.open[producer] = Transaction(producer, epoch)
            self.world.after(self.transaction_s, self._expire, producer, transaction)
        if lane not in transaction.partitions:
            transaction.partitions.append(lane)
        self.logs[lane].append(Entry(key, value, headers, transaction))

    def end(self, producer: str, epoch: int, commit: bool) -> None:
        self._check(producer, epoch)
        if producer in self.open:
            self._close(producer, Fate.COMMITTED if commit else Fate.ABORTED)

    def _check(self, producer: str, epoch: int) -> None:
        if self.epochs.get(producer) != epoch:
            raise failure(KafkaError._FENCED, f"{producer} has a newer epoch than {epoch}")

    def _bump(self, producer: str) -> None:
        self.epochs[producer] = self.epochs.get(producer, -1) + 1
        if producer in self.open:
            self._close(producer, Fate.ABORTED)

    def _expire(self, producer: str, transaction: Transaction) -> None:
        if self.open.get(producer) is transaction:
            self.world.say(f"kafka: the transaction of {producer} timed out")
            self._bump(producer)

    def _close(self, producer: str, fate: Fate) -> None:
        transaction = self.open.pop(producer)
        transaction.fate = fate
        for lane in transaction.partitions:
            self.logs[lane].append(Entry(None, None, [], transaction, marker=True))
        self.world.say(f"kafka: transaction of {producer} {fate}")
        self._changed()

    def _changed(self) -> None:
        watchers, self.watchers = self.watchers, []
        for tell in watchers:
            tell()


def visible(entry: Entry) -> bool:
    return not entry.marker and (entry.transaction is None or entry.transaction.fate is Fate.COMMITTED)
