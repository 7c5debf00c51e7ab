"""`throughline dlt`: what stopped for good, by cause, and one dead letter with its original bytes."""

import re
from dataclasses import dataclass
from typing import Any

from shared.ops import show
from shared.ops.console import ask
from shared.ops.endpoints import Endpoints
from shared.ops.errors import OpsError

PLACE = re.compile(r"(?P<topic>[\w.\-]+)/(?P<partition>\d+):(?P<offset>\d+)")
READ_SECONDS = 10.0
SHOWN_BYTES = 4096
NUMBERS = {"kafka_dlt-original-partition": 4, "kafka_dlt-original-offset": 8, "kafka_dlt-original-timestamp": 8}  # Spring's, big-endian
Lines = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dead letter stands, written `TOPIC/PARTITION:OFFSET`."""

    topic: str
    partition: int
    offset: int


def place_of(text: str) -> Place | None:
    """None for a text that is a cause's fingerprint instead."""
    found = PLACE.fullmatch(text)
    return Place(found["topic"], int(found["partition"]), int(found["offset"])) if found else None


def gather(endpoints: Endpoints) -> Lines:
    """Causes, each with how many letters it has."""
    found: Lines = ask(endpoints, "dead-letters")
    return found


def draw(causes: Lines) -> None:
    if not causes:
        return show.say("No dead letters.")
    columns = ("cause", "code", "service", "letters", "standing", "contracts", "value", "last", "message")
    rows = [
        (
            each["fingerprint"],
            each["code"],
            each["service"],
            each["letters"],
            each["standing"],
            each["contracts"],
            show.money(each["value_by_currency"]),
            f"{show.ago(each['last'])} ago",
            each["message"],
        )
        for each in causes
    ]
    show.out(show.table("", columns, rows, right=("letters", "standing", "contracts")))
    show.say(
        "`throughline dlt show CAUSE` lists the letters of one.",
        "`throughline dlt plan --cause CAUSE --why TEXT` says what deciding them again would do.",
    )


def gather_cause(endpoints: Endpoints, fingerprint: str) -> Lines:
    """The letters of one cause. Raises OpsError when there are none."""
    found: Lines = ask(endpoints, "dead-letters", cause=fingerprint, limit=500)
    if not found:
        raise OpsError(f"No dead letter has the cause {fingerprint}: `throughline dlt ls` lists the causes there are.")
    return found


def draw_cause(letters: Lines) -> None:
    rows = [
        (
            f"{each['topic']}/{each['partition']}:{each['offset']}",
            each["contract_id"] or each["key"],
            f"{each['failed_topic']}/{each['failed_partition']}:{each['failed_offset']}",
            show.clock(each["at"]),
            "yes" if each["standing"] else "no",
            each["message"],
        )
        for each in letters
    ]
    show.out(show.table("", ("dead letter", "contract or key", "original record", "at (UTC)", "standing", "message"), rows))
    services = sorted({each["service"] for each in letters})
    which = f"--cause {letters[0]['fingerprint']}{f' --service {services[0]}' if len(services) > 1 else ''}"
    show.say(
        *([f"{', '.join(services)} have such letters: each is planned by itself."] if len(services) > 1 else []),
        f"Once the cause is mended: `throughline dlt plan {which} --why TEXT`.",
        f"To close them for good: `throughline dlt discard {which} --why TEXT`.",
    )


def gather_letter(endpoints: Endpoints, place: Place) -> dict[str, Any]:
    """What is known of one letter, and its original as `key`, `headers` and `value`. Raises Missing, OpsError."""
    known = ask(endpoints, "dead-letters", place.topic, str(place.partition), str(place.offset))
    return {**known, "original": read(endpoints["kafka"], place)}


def draw_letter(letter: dict[str, Any]) -> None:
    show.say(f"{letter['code']}: {letter['message']}")
    original = letter.pop("original")
    show.out(show.table("Dead letter", ("", ""), [(name, value) for name, value in letter.items() if name not in ("code", "message")]))
    show.out(show.table("Headers", ("", ""), original["headers"].items()))
    show.out(show.table("Original", ("", ""), [("key", original["key"]), ("size", f"{original['size']} bytes"), ("value", original["value"])]))
    place = f"{letter['topic']}/{letter['partition']}:{letter['offset']}"
    show.say(f"To mend the value by hand: `throughline dlt edit {place} --save FILE`.")


def read(bootstrap: str, place: Place) -> dict[str, Any]:
    """The record at `place` as it stands in the topic. Raises OpsError when it is not there."""
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "throughline-dlt-show", "enable.auto.commit": False, "log_level": 0})
    try:
        consumer.assign([TopicPartition(place.topic, place.partition, place.offset)])
        record = consumer.poll(READ_SECONDS)
    except KafkaException as error:
        raise OpsError(f"{place.topic} cannot be read from {bootstrap}: {error}. Run `throughline doctor`.") from error
    finally:
        consumer.close()
    if record is None or record.error() or record.offset() != place.offset:
        raise OpsError(f"{place.topic}/{place.partition}:{place.offset} is not in the topic (any more): its retention may have ended.")
    value = record.value() or b""
    headers: Any = record.headers() or ()
    return {
        "key": text_of(record.key() or b""),
        "headers": {name: header(name, held) for name, held in headers},
        "value": text_of(value),
        "size": len(value),
    }


def header(name: str, held: bytes | str | None) -> str:
    """A header for people. Spring writes some as binary numbers, which as text would be garbage."""
    raw = held.encode() if isinstance(held, str) else held or b""
    if NUMBERS.get(name) == len(raw):
        return str(int.from_bytes(raw, "big", signed=True))
    return text_of(raw)


def text_of(raw: bytes) -> str:
    """Readable text as it is; anything else as hexadecimal digits, the first 4096 bytes of it."""
    try:
        text = raw[:SHOWN_BYTES].decode("utf-8")
        if text.isprintable() or text.translate({9: None, 10: None, 13: None}).isprintable():
            return text
    except UnicodeDecodeError:
        pass
    return raw[:SHOWN_BYTES].hex(" ")
