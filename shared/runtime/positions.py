"""Where a lane's relay got to, kept in the log itself: written with the records, in the same transaction."""

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from shared.runtime.ports import Outside
from shared.runtime.records import unpacked
from shared.store.rows import Lane, OutboxRow
from shared.wire import headers
from shared.wire.limits import MAX_BYTES

OPEN_S, COMMIT_S, TRANSACTION_MS = 30, 20, 15_000
RETRY_MS = 500
SENT_ONCE_S = 0.35  # librdkafka sends a request again after RETRY_MS at the soonest, less a fifth by chance
READ_S = 60  # longer than a transaction of another lane can stay open, its coordinator's clean-up included
MARK = b"mark"  # key of records that say nothing but where they lie


class Halted(Exception):
    """The log and this database contradict each other; going on would lose or repeat records."""


class Position(msgspec.Struct, frozen=True):
    seq: int
    incarnation: str


class Publisher:
    """A transactional producer of one lane. Its id belongs to the lane, so opening it fences the lane's previous owner."""

    def __init__(self, outside: Outside, bootstrap: str, service: str, lane: Lane, incarnation: str) -> None:
        self.outside, self.bootstrap, self.service, self.lane, self.incarnation = outside, bootstrap, service, lane, incarnation
        self.topic = f"{service}.position.v1"
        self.key = f"{lane[0]}/{lane[1]}".encode()
        self.producer: Producer | None = None
        self.partition = 0
        self.sent_twice = False  # perhaps: the last transaction's end took long enough for its request to have been sent again

    def open(self) -> int:
        """Become the lane's only publisher and say what it published last. Raises Halted, KafkaException or TimeoutError."""
        position = self.begin()
        if position is None:
            return 0
        if position.incarnation != self.incarnation:
            raise Halted(f"position {position.seq} was written for another database ({position.incarnation}); this one is {self.incarnation}")
        return position.seq

    def begin(self) -> Position | None:
        """Become the lane's only publisher; what its last one noted, for whichever database. Raises KafkaException or TimeoutError."""
        self.sent_twice = False
        self.producer = producer = self.outside.producer(self._configuration())
        producer.init_transactions(OPEN_S)
        partitions = producer.list_topics(self.topic, OPEN_S).topics[self.topic].partitions
        if not partitions:
            raise TimeoutError(f"no broker says how many partitions {self.topic} has")
        self.partition = self.lane[1] % len(partitions)
        return self._read()  # only now: nothing of a previous owner can land behind it any more

    def publish(self, rows: list[OutboxRow]) -> None:
        """All of `rows` and the new position, or nothing. Raises KafkaException: then it is unknown which.

        The client does not know KIP-890 (librdkafka issue 5423): an EndTxn that it sent again after its connection broke may reach the coordinator
        a second time, within the next transaction, and end that one half done. Whoever finds `sent_twice` opens anew first, with an epoch of its own.
        """
        self._transact(rows, rows[-1].seq)

    def note(self, seq: int) -> None:
        """Have the lane go on behind `seq`, for this database. Raises KafkaException."""
        self._transact([], seq)

    def _transact(self, rows: list[OutboxRow], seq: int) -> None:
        if (producer := self.producer) is None:
            raise KafkaException("the publisher is closed")
        producer.begin_transaction()
        for row in rows:
            producer.produce(row.target, row.value, key=row.key, headers=[*unpacked(row.headers), *self._lane_headers(row.seq)])
        position = msgspec.json.encode(Position(seq, self.incarnation))
        producer.produce(self.topic, position, key=self.key, partition=self.partition)
        began = self.outside.clock.monotonic()
        producer.flush(COMMIT_S)
        flushed = self.outside.clock.monotonic()
        producer.commit_transaction(max(COMMIT_S / 4, COMMIT_S - (flushed - began)))
        self.sent_twice = self.outside.clock.monotonic() - flushed > SENT_ONCE_S

    def close(self) -> None:
        """Let go of the producer; what it had not committed is aborted by whoever opens next."""
        self.producer = None

    def _lane_headers(self, seq: int) -> list[tuple[str, bytes]]:
        return [(headers.LANE, self.key), (headers.SEQ, str(seq).encode())]

    def _read(self) -> Position | None:
        """The lane's last committed position. Offsets are compared, not records counted: markers of transactions take offsets too."""
        end = self._mark()
        consumer = self.outside.consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "unused", "isolation.level": "read_committed", "enable.auto.commit": False}
            | {"socket.nagle.disable": True, "fetch.wait.max.ms": 50}  # that the end is reached is said when a fetch comes back empty
            | {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
        )
        try:
            return self._read_to(end, consumer)
        finally:
            consumer.close()

    def _mark(self) -> int:
        """The offset of a record written now: all that was noted before lies before it.

        To ask where the log ends would not do. A broker that was frozen answers as the leader that it was until it hears of its successor, a third of
        a second later, and may name an end before our own position; a record is taken by the leader of now alone. And a reader of committed records
        is told that the log ends before another lane's open transaction, behind which our own position may lie.
        """
        told: list[tuple[KafkaError | None, int | None]] = []
        producer = self.outside.producer(
            {"bootstrap.servers": self.bootstrap, "client.id": f"throughline-{self.service}-mark", "acks": "all"}
            | {"linger.ms": 0, "socket.nagle.disable": True, "message.timeout.ms": (OPEN_S - 2) * 1000}
        )
        producer.produce(
            self.topic, None, key=MARK, partition=self.partition, on_delivery=lambda error, message: told.append((error, message.offset()))
        )
        producer.flush(OPEN_S)
        error, offset = told[0] if told else (None, None)
        if error is not None:
            raise KafkaException(error)
        if offset is None:
            raise TimeoutError(f"{self.topic} partition {self.partition} took no record in {OPEN_S} s")
        return offset

    def _read_to(self, end: int, consumer: Consumer) -> Position | None:
        """Another lane's open transaction ends by itself, at the latest when its coordinator times it out."""
        reached, _ = consumer.get_watermark_offsets(TopicPartition(self.topic, self.partition), OPEN_S)
        deadline, last = self.outside.clock.monotonic() + READ_S, None
        consumer.assign([TopicPartition(self.topic, self.partition, reached)])  # to say "the beginning" would cost half a second
        while reached < end:
            if self.outside.clock.monotonic() > deadline:
                raise TimeoutError(f"{self.topic} partition {self.partition} was read to {reached} of {end} in {READ_S} s")
            first = consumer.poll(1.0)  # returns with the first; consume() would wait for a thousand, or for a second
            for message in [first, *consumer.consume(1000, 0)] if first is not None else []:
                reached = max(reached, message.offset() or 0) if message.error() else (message.offset() or 0) + 1
                if not message.error() and message.key() == self.key:
                    last = msgspec.json.decode(message.value() or b"", type=Position)
        return last

    def _configuration(self) -> dict[str, object]:
        return {
            "bootstrap.servers": self.bootstrap,
            "transactional.id": f"{self.service}/{self.lane[0]}/{self.lane[1]}",
            "transaction.timeout.ms": TRANSACTION_MS,
            "retry.backoff.ms": RETRY_MS,
            "client.id": f"throughline-{self.service}-relay",
            "message.max.bytes": 2 * MAX_BYTES + 65_536,  # a dead letter is the record and what is said of it
            "linger.ms": 0,  # what is known at once is produced at once; the commit follows and would only wait
            "socket.nagle.disable": True,
            "compression.type": "lz4",
            "acks": "all",
        }
