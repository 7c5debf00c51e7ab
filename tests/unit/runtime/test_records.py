"""What is made of a record as the client of Kafka shows it."""

from typing import Any, cast

from confluent_kafka import Message

from shared.runtime.records import headers_of


class Shown:
    """The headers of one record. A name that is not UTF-8 makes the real client raise this."""

    def __init__(self, headers: Any) -> None:
        self.told = headers

    def headers(self) -> Any:
        if self.told == "not UTF-8":
            raise SystemError("returned a result with an exception set")
        return self.told

    def topic(self) -> str:
        return "in.v1"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7


def shown(headers: Any) -> Message:
    return cast("Message", Shown(headers))


def test_headers_are_pairs_of_a_name_and_bytes() -> None:
    assert headers_of(shown([("traceparent", b"00-1"), ("empty", None)])) == [("traceparent", b"00-1"), ("empty", b"")]
    assert headers_of(shown(None)) == []


def test_a_record_whose_headers_cannot_be_read_is_read_without_them() -> None:
    assert headers_of(shown("not UTF-8")) == []
