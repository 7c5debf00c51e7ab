"""Quix Streams, exactly-once, its state in RocksDB with a changelog topic."""

from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]

from tests.bench.job import Job, decide, decode, encode


def on_order(value: bytes, state: Any) -> bytes | None:
    after, published = decide(state.get("order"), decode(value))
    state.set("order", after)
    return encode(published) if published else None


def main() -> None:
    job = Job.given()
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.name,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=job.folder,
        commit_interval=1.0,
        loglevel="WARNING",
        producer_extra_config={"linger.ms": 1, "compression.type": "lz4"},
    )
    source = app.topic(job.source, key_deserializer="bytes", value_deserializer="bytes")
    output = app.topic(job.output, key_serializer="bytes", value_serializer="bytes")

    def handle(value: bytes, state: State) -> bytes | None:
        return on_order(value, state)

    app.dataframe(source).apply(handle, stateful=True).filter(lambda value: value is not None).to_topic(output)
    app.run()


if __name__ == "__main__":
    main()
