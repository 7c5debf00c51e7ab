"""Contracts for a whole stack: one published contract is fed as anybody would, then told again under new ids, straight onto the source topic."""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from deploy.embedded import postgres
from shared.messages.source import SourceContract
from shared.wire.codec import Codec
from shared.wire.registry import Registry
from tests.bench.subject import committed
from tests.e2e.whole import DATA, SETTLED_S, Whole
from tests.support.stack import wait_until

PUBLISHED = DATA / "ocds" / "portugal_base_2019.json"
SOURCE = "source.clm.contract.v1"


def bootstrap(stack: Whole) -> str:
    return f"127.0.0.1:{stack.port_base + 10}"


def dsn(stack: Whole) -> str:
    return postgres.dsn(stack.home, stack.port_base + postgres.PORT_OFFSET)


@dataclass
class Sender:
    """Sends copies of `pattern`, and notes the second (time.time) at which each was due, however late it was sent."""

    stack: Whole
    pattern: SourceContract
    codec: Codec
    producer: Producer

    def send_at(self, rate: float, ids: Iterable[str], **changed: object) -> dict[str, float]:
        """`rate` contracts a second, evenly; returns when all are sent."""
        due, began = {}, time.time()
        for number, contract_id in enumerate(ids):
            due[contract_id] = began + number / rate
            while (wait := due[contract_id] - time.time()) > 0:
                self.producer.poll(min(wait, 0.05))
            self.producer.produce(SOURCE, self.codec.encode(self._copy(contract_id, changed), SOURCE), key=contract_id)
        assert self.producer.flush(60) == 0
        return due

    def _copy(self, contract_id: str, changed: dict[str, object]) -> SourceContract:
        assert self.pattern.contract is not None
        contract = msgspec.structs.replace(self.pattern.contract, contract_id=contract_id, **changed)
        event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, contract_id))
        return msgspec.structs.replace(self.pattern, event_id=event_id, contract_id=contract_id, contract=contract)


def through(stack: Whole, count: int) -> None:
    """Wait until `count` contracts are set up everywhere. What stays waiting or dead is no part of it."""
    wait_until(lambda: stack.report()["contracts"]["active"] >= count, stack.still_running, SETTLED_S)


def sender(stack: Whole, folder: Path) -> Sender:
    """Feeds the pattern, with the mappings it implies, and waits until it is through."""
    package = json.loads(PUBLISHED.read_text())[0]
    release = package["releases"][0]
    one = folder / "one.json"
    one.write_text(json.dumps([package | {"releases": [release | {"contracts": release["contracts"][:1]}]}]))
    stack.feed(one)
    through(stack, 1)
    codec = Codec(Registry(stack.url(2)))
    pattern = next(codec.decode(message.value() or b"", SourceContract) for message in committed(bootstrap(stack), SOURCE))
    return Sender(stack, pattern, codec, Producer({"bootstrap.servers": bootstrap(stack), "enable.idempotence": True, "linger.ms": 0}))
