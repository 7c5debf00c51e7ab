"""The durable job that Throughline and its peers are given: the records, the rule, and where they lie. Imported by both environments.

A record is an order of a contract, 179 bytes of framed Avro with six lines. The rule: an event seen before changes nothing; any other raises
the contract's revision and is published with the customer's name in capitals. The state keeps the last SEEN event ids.
"""

import io
import json
import random
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import fastavro

PARTITIONS = 6
SEEN = 16
FRAME = 5
PARKED = "Customer that nobody knows"  # to Throughline, in the benchmark of trouble: its orders wait for ever
SCHEMA = {
    "type": "record",
    "name": "Order",
    "namespace": "throughline.bench",
    "fields": [
        {"name": "event_id", "type": "string"},
        {"name": "contract_id", "type": "string"},
        {"name": "customer", "type": "string"},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "OrderLine",
                    "namespace": "throughline.bench",
                    "fields": [{"name": "sku", "type": "string"}, {"name": "quantity", "type": "int"}, {"name": "cents", "type": "long"}],
                },
            },
        },
    ],
}
_PARSED = fastavro.parse_schema(json.loads(json.dumps(SCHEMA)))
Order = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """Where a subject reads and writes. `dsn` is a database of its own, `folder` a directory of its own, `name` its group."""

    name: str
    bootstrap: str
    registry: str
    dsn: str
    source: str
    output: str
    folder: str

    @classmethod
    def given(cls) -> "Job":
        return cls(**json.loads(sys.argv[1]))

    def as_argument(self) -> str:
        return json.dumps(asdict(self))


def decode(value: bytes) -> Order:
    stream = io.BytesIO(value)
    stream.seek(FRAME)
    return dict(fastavro.schemaless_reader(stream, _PARSED))  # type: ignore[arg-type]


def encode(order: Order, schema_id: int = 1) -> bytes:
    out = io.BytesIO()
    out.write(b"\x00" + schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, _PARSED, order)
    return out.getvalue()


def decide(state: dict[str, Any] | None, order: Order) -> tuple[dict[str, Any], Order | None]:
    """The new state, and what is to be published; nothing for an event seen before."""
    state = state or {"revision": 0, "seen": [], "customer": ""}
    if order["event_id"] in state["seen"]:
        return state, None
    seen = [*state["seen"], order["event_id"]][-SEEN:]
    return {"revision": state["revision"] + 1, "seen": seen, "customer": order["customer"]}, changed(order)


def changed(order: Order) -> Order:
    return order | {"customer": order["customer"].upper()}


def orders(count: int, contracts: int, seed: int = 4) -> Iterator[Order]:
    chance = random.Random(seed)
    for number in range(count):
        contract = f"C-{number % contracts:05}"
        lines = [_line(chance, line) for line in range(6)]
        event_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield {"event_id": event_id, "contract_id": contract, "customer": f"Customer account {contract}", "lines": lines}


def _line(chance: random.Random, number: int) -> dict[str, Any]:
    return {"sku": f"SKU-{chance.randrange(10**8):08}", "quantity": 1 + number, "cents": chance.randrange(10_000, 1_000_000)}
