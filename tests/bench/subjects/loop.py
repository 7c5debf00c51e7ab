"""The transactional loop that stores nothing: read, decode, change, encode, write, offsets in the same Kafka transaction. It deduplicates nothing."""

from confluent_kafka import Consumer, Producer

from tests.bench.job import Job, changed, decode, encode

BATCH = 1000


def main() -> None:
    job = Job.given()
    consumer = Consumer(
        {"bootstrap.servers": job.bootstrap, "group.id": job.name, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        | {"isolation.level": "read_committed"}
    )
    producer = Producer({"bootstrap.servers": job.bootstrap, "transactional.id": job.name, "linger.ms": 1, "compression.type": "lz4"})
    producer.init_transactions(30)
    consumer.subscribe([job.source])
    while True:
        messages = consumer.consume(BATCH, 0.1)
        if not messages:
            continue
        producer.begin_transaction()
        for message in messages:
            producer.produce(job.output, encode(changed(decode(message.value() or b""))), key=message.key())
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


if __name__ == "__main__":
    main()
