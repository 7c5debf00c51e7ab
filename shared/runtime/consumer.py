"""How the client of Kafka reads for a service: its configuration, and what its errors mean."""

from confluent_kafka import KafkaError, KafkaException

from shared.runtime.lanes import OwnedLane
from shared.runtime.settings import RuntimeSettings
from shared.store.rows import Lane
from shared.telemetry import logs

log = logs.get(__name__)
PASSING = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}


class OffsetGone(RuntimeError):
    """The log no longer holds the offset that Postgres says is next: nothing may be skipped, so a person has to decide."""


def judge(error: KafkaError, lane: Lane, claim: OwnedLane | None, offset: int | None) -> None:
    """The end of a partition is told to its claim; what passes is only noted. Raises OffsetGone, and KafkaException for what does not pass."""
    if error.code() == KafkaError._PARTITION_EOF:
        if claim is not None and offset is not None:
            claim.reached_end(offset)
    elif error.code() == KafkaError._AUTO_OFFSET_RESET:
        if claim is None:  # given up or halted, or about to be placed anew
            return
        raise OffsetGone(
            f"{lane[0]} partition {lane[1]} does not hold the next offset any more ({error.str()}): "
            "records were deleted before they were read, or the log was set back; see docs/do/go-on-with-a-halted-lane.md"
        )
    elif error.fatal():
        raise KafkaException(error)
    else:
        log.log(20 if error.code() in PASSING else 30, "broker_says", error=error.str(), topic=lane[0])


def configuration(settings: RuntimeSettings, group: str) -> dict[str, object]:
    return {
        "bootstrap.servers": settings.kafka,
        "group.id": group,
        "client.id": f"throughline-{group}",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(settings.session_timeout_s * 1000),
        "heartbeat.interval.ms": 500,  # a member hears of a change of the group with its next heartbeat, and lanes wait for that twice
        "max.poll.interval.ms": 120_000,
        "fetch.wait.max.ms": 250,
        "socket.nagle.disable": True,  # small requests that follow each other would wait for acknowledgements, 40 ms each
        "queued.min.messages": 2000,
        "queued.max.messages.kbytes": 16_384,
        "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 30_000,
    }
