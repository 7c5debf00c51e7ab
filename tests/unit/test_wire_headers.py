"""Dead letters of three makers are read alike, and ours keep what the record came with."""

from shared.wire.headers import LONGEST, MESSAGE, TOPIC, Burial, burial_of, traceparent_of, with_burial

ORIGINAL = [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-note", b"\xff\x00")]
OURS = Burial(
    topic="contract.state.v1",
    partition=3,
    offset=2**40,
    group="master-data",
    deliveries=1,
    message="no such currency: XXQ",
    cause="unknown-currency",
    fingerprint="a1b2",
    attempts=5,
)


def test_what_is_written_is_read_back() -> None:
    assert burial_of(with_burial(ORIGINAL, OURS)) == OURS


def test_original_headers_stay_as_they_were() -> None:
    assert with_burial(ORIGINAL, OURS)[:2] == ORIGINAL
    assert traceparent_of(with_burial(ORIGINAL, OURS)) == ORIGINAL[0][1].decode()


def test_numbers_are_text_as_in_kafkas_own_dead_letters() -> None:
    assert ("__dlq.errors.partition", b"3") in with_burial([], OURS)
    assert ("__dlq.errors.delivery.count", b"1") in with_burial([], OURS)


def test_a_second_burial_replaces_the_first() -> None:
    twice = with_burial(with_burial(ORIGINAL, OURS), Burial(topic="engagement.ready.v1"))
    assert [value for name, value in twice if name == TOPIC] == [b"engagement.ready.v1"]
    assert burial_of(twice) == Burial(topic="engagement.ready.v1")


def test_a_long_message_is_cut() -> None:
    assert len(dict(with_burial([], Burial(message="x" * 100_000)))[MESSAGE]) == LONGEST


def test_springs_numbers_are_big_endian() -> None:
    headers = [
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", (7).to_bytes(4, "big")),
        ("kafka_dlt-original-offset", (2**33).to_bytes(8, "big")),
        ("kafka_dlt-original-consumer-group", b"billing"),
        ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
        ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
        ("kafka_dlt-exception-message", b"no rate"),
    ]
    expected = Burial(topic="orders", partition=7, offset=2**33, group="billing", message="no rate", cause="java.lang.IllegalStateException")
    assert burial_of(headers) == expected


def test_connects_headers_are_text() -> None:
    headers = [
        ("__connect.errors.topic", b"orders"),
        ("__connect.errors.partition", b"7"),
        ("__connect.errors.offset", b"12"),
        ("__connect.errors.connector.name", b"sink"),
        ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", b"bad"),
    ]
    expected = Burial(topic="orders", partition=7, offset=12, group="sink", message="bad", cause="org.apache.kafka.connect.errors.DataException")
    assert burial_of(headers) == expected


def test_unreadable_numbers_are_left_out() -> None:
    assert burial_of([("__dlq.errors.topic", b"orders"), ("__dlq.errors.offset", b"many")]) == Burial(topic="orders")
    assert burial_of([("kafka_dlt-original-topic", b"orders"), ("kafka_dlt-original-offset", b"\x01")]) == Burial(topic="orders")


def test_a_record_that_is_no_dead_letter_says_nothing() -> None:
    assert burial_of(ORIGINAL) is None
    assert burial_of([("traceparent", None)]) is None
    assert traceparent_of([]) is None
