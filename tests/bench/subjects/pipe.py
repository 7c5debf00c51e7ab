"""A bare pipe: read, write, offsets committed behind each batch. What any tool does at the least that puts dead letters back."""

from confluent_kafka import Consumer, Producer

from tests.bench.job import Job

BATCH = 1000


def main() -> None:
    job = Job.given()
    consumer = Consumer({"bootstrap.servers": job.bootstrap, "group.id": job.name, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    producer = Producer({"bootstrap.servers": job.bootstrap, "enable.idempotence": True, "linger.ms": 1, "compression.type": "lz4"})
    consumer.subscribe([job.source])
    while True:
        messages = consumer.consume(BATCH, 0.1)
        if not messages:
            continue
        for message in messages:
            producer.produce(job.output, message.value(), key=message.key())
        assert producer.flush(30) == 0
        consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
