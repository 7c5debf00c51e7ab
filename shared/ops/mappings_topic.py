"""The mappings in force, read from their topic: the last entry of each place stands."""

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from shared.messages.source import SourceMapping
from shared.ops.errors import StackDown
from shared.ops.mappings_files import Row
from shared.wire.codec import Codec
from shared.wire.limits import Undecodable
from shared.wire.registry import Registry

TOPIC = "source.reference.mapping.v1"
ANSWER_S = 10.0


def current(kafka: str, registry: str) -> tuple[Row, ...]:
    """Every entry that stands, from the topic's beginning to its end as of now. Raises StackDown."""
    codec = Codec(Registry(registry))
    standing: dict[tuple[object, ...], tuple[tuple[object, ...], Row]] = {}
    for value in _values(kafka):
        try:
            message = codec.decode(value, SourceMapping)
        except Undecodable:
            continue  # a dead letter of the services that read it; it says nothing
        row = row_of(message)
        stamp = (message.occurred_at, message.event_id)
        if row.place not in standing or standing[row.place][0] < stamp:
            standing[row.place] = (stamp, row)
    return tuple(row for _, row in standing.values())


def row_of(message: SourceMapping) -> Row:
    return Row(
        key=message.key,
        effective_from=message.effective_from,
        effective_to=message.effective_to,
        values=message.values,
        actor=message.actor,
        reason=message.reason,
    )


def _values(kafka: str) -> Iterator[bytes]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "throughline-mappings", "enable.auto.commit": False, "log_level": 0})
    try:
        ends = _ends(consumer)
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in ends])
        reached = dict.fromkeys(ends, 0)
        while any(reached[partition] < end for partition, end in ends.items()):
            message = consumer.poll(ANSWER_S)
            if message is None:
                raise StackDown(f"Kafka at {kafka} stopped answering while {TOPIC} was read: run `throughline doctor`.")
            if message.error():
                raise KafkaException(message.error())
            partition, offset = message.partition(), message.offset()
            if partition is not None and offset is not None:
                reached[partition] = offset + 1
            yield message.value() or b""
    except KafkaException as error:
        raise StackDown(f"Kafka at {kafka} does not answer ({error.args[0]}): start the stack with `throughline up`.") from error
    finally:
        consumer.close()


def _ends(consumer: Consumer) -> dict[int, int]:
    """Offset after the last record of each partition that holds any."""
    topic = consumer.list_topics(TOPIC, ANSWER_S).topics[TOPIC]
    if topic.error is not None and topic.error.code() != KafkaError.NO_ERROR:
        raise KafkaException(topic.error)
    found = {partition: consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), ANSWER_S) for partition in topic.partitions}
    return {partition: marks[1] for partition, marks in found.items() if marks is not None and marks[1] > marks[0]}
