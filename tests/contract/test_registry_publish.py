"""What `schemas publish` leaves in a registry, and what our client makes of a registry's answers: ours and a real one."""

import socket
import time
from collections.abc import Iterator

import pytest

from shared.messages import BY_TOPIC
from shared.messages.source import SourceMapping
from shared.ops import schemas
from shared.wire.codec import Codec
from shared.wire.limits import Undecodable
from shared.wire.registry import Refused, Registry, RegistryAway, Unknown
from tests.contract.test_registry_api import BASE, WITHOUT_DEFAULT, free_port, ours, wait_for
from tests.support import axonops
from tests.unit.test_wire_codec import MAPPING, TOPIC

pytestmark = pytest.mark.timeout(600)  # the first run builds the real registry


@pytest.fixture(scope="module", params=["ours", "axonops"])
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    start = ours if request.param == "ours" else axonops.running
    port = free_port()
    with start(port, tmp_path_factory.mktemp(request.param)) as process:
        wait_for(f"http://127.0.0.1:{port}", process)
        yield Registry(f"http://127.0.0.1:{port}")


def test_publishing_registers_every_schema_at_its_level_and_a_second_time_does_nothing(registry: Registry) -> None:
    done = schemas.publish(registry.url)
    assert len(done) == 2 * len(BY_TOPIC)
    assert set(registry.subjects()) == {f"{topic}-value" for topic in BY_TOPIC}
    for topic, kind in BY_TOPIC.items():
        assert registry.compatibility(f"{topic}-value") == "FULL_TRANSITIVE"
        assert registry.knows(f"{topic}-value", kind.avro_schema)
    assert schemas.publish(registry.url) == []


def test_a_message_goes_through_a_codec_on_the_registry(registry: Registry) -> None:
    schemas.publish(registry.url)
    codec = Codec(registry)
    codec.prepare(SourceMapping, TOPIC)
    assert Codec(registry).decode(codec.encode(MAPPING, TOPIC), SourceMapping) == MAPPING
    with pytest.raises(Undecodable) as refusal:
        codec.decode(b"\x00\x00\x0f\x00\x00x", SourceMapping)
    assert refusal.value.code == "unknown-schema-id"


def test_an_incompatible_schema_is_refused_with_the_registrys_reason(registry: Registry) -> None:
    registry.register("orders-value", BASE)
    with pytest.raises(Refused):
        registry.register("orders-value", WITHOUT_DEFAULT)
    with pytest.raises(Refused):
        registry.register("orders-value", "no schema")


def test_what_the_registry_does_not_have_is_unknown(registry: Registry) -> None:
    with pytest.raises(Unknown):
        registry.schema(987_654)
    with pytest.raises(Unknown):
        registry.id_of("nobody-value", BASE)
    assert registry.compatibility("nobody-value") is None


def test_a_registry_that_is_down_is_away() -> None:
    with pytest.raises(RegistryAway, match="does not answer"):
        Registry(f"http://127.0.0.1:{free_port()}").schema(1)


def test_a_registry_that_never_answers_is_away_within_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        before = time.monotonic()
        with pytest.raises(RegistryAway):
            Registry(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3).schema(1)
        assert time.monotonic() - before < 5
