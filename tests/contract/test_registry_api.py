"""What clients of Confluent's API expect of a schema registry: one suite for our own and for a real one."""

import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from tests.support import axonops

pytestmark = pytest.mark.timeout(600)  # the first run builds the real registry
NUMBERS = itertools.count()
ROOT = Path(__file__).resolve().parents[2]


def record(*fields: dict[str, Any], name: str = "Order") -> str:
    return json.dumps({"type": "record", "name": name, "namespace": "test", "fields": [{"name": "id", "type": "string"}, *fields]})


BASE = record()
WITH_DEFAULT = record({"name": "note", "type": ["null", "string"], "default": None})
WITHOUT_DEFAULT = record({"name": "note", "type": "string"})
OTHER_TYPE = json.dumps({"type": "record", "name": "Order", "namespace": "test", "fields": [{"name": "id", "type": "long"}]})


@contextmanager
def ours(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "deploy.embedded.registry", "--port", str(port), "--home", str(folder)], cwd=ROOT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


class Api:
    """Plain HTTP, so that codes and shapes are seen as they are on the wire."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data, headers=headers, method=method), timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, json.loads(problem.read())

    def code(self, method: str, path: str, body: Any = None) -> tuple[int, int]:
        status, answer = self.call(method, path, body)
        return status, answer["error_code"]

    def register(self, subject: str, schema: str) -> int:
        status, answer = self.call("POST", f"/subjects/{subject}/versions", {"schema": schema})
        assert status == 200, answer
        return int(answer["id"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert process.poll() is None, "the registry ended while starting"
        try:
            urllib.request.urlopen(url + "/subjects", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{url} did not answer within 20 s")


@pytest.fixture(scope="module", params=["ours", "axonops"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    start = ours if request.param == "ours" else axonops.running
    port = free_port()
    with start(port, tmp_path_factory.mktemp(request.param)) as process:
        wait_for(f"http://127.0.0.1:{port}", process)
        yield Api(f"http://127.0.0.1:{port}")


@pytest.fixture
def client(api: Api) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": api.url}) as client:
        yield client


@pytest.fixture
def subject() -> str:
    return f"topic-{next(NUMBERS)}-value"


def test_a_registered_schema_is_found_by_id_version_and_content(client: SchemaRegistryClient, subject: str) -> None:
    schema_id = client.register_schema(subject, Schema(BASE, "AVRO"))
    assert json.loads(client.get_schema(schema_id).schema_str or "") == json.loads(BASE)
    latest = client.get_latest_version(subject)
    assert (latest.schema_id, latest.version, latest.subject) == (schema_id, 1, subject)
    assert client.lookup_schema(subject, Schema(BASE, "AVRO")).schema_id == schema_id
    assert subject in client.get_subjects()


def test_registering_twice_makes_one_version(api: Api, subject: str) -> None:
    first, second = api.register(subject, BASE), api.register(subject, json.dumps(json.loads(BASE), indent=2))
    assert first == second
    assert api.call("GET", f"/subjects/{subject}/versions") == (200, [1])


def test_the_same_schema_has_the_same_id_in_every_subject(api: Api, subject: str) -> None:
    own = record(name=f"Shared{next(NUMBERS)}")
    schema_id = api.register(subject, own)
    assert api.register(f"{subject}-too", own) == schema_id
    assert sorted(api.call("GET", f"/schemas/ids/{schema_id}/subjects")[1]) == [subject, f"{subject}-too"]
    uses = api.call("GET", f"/schemas/ids/{schema_id}/versions")[1]
    assert sorted((use["subject"], use["version"]) for use in uses) == [(subject, 1), (f"{subject}-too", 1)]


def test_different_schemas_have_different_ids_and_following_versions(api: Api, subject: str) -> None:
    first, second = api.register(subject, BASE), api.register(subject, WITH_DEFAULT)
    assert first != second
    assert api.call("GET", f"/subjects/{subject}/versions") == (200, [1, 2])
    status, latest = api.call("GET", f"/subjects/{subject}/versions/latest")
    assert (status, latest["version"], latest["id"], latest["subject"]) == (200, 2, second, subject)
    assert api.call("GET", f"/subjects/{subject}/versions/1")[1]["id"] == first


def test_a_version_is_given_as_bare_schema_too(api: Api, subject: str) -> None:
    api.register(subject, BASE)
    assert api.call("GET", f"/subjects/{subject}/versions/1/schema") == (200, json.loads(BASE))


def test_only_avro_is_promised_by_both(api: Api) -> None:
    assert "AVRO" in api.call("GET", "/schemas/types")[1]


def test_what_does_not_exist_is_told_apart(api: Api, subject: str) -> None:
    assert api.code("GET", f"/subjects/{subject}/versions") == (404, 40401)
    assert api.code("GET", f"/subjects/{subject}/versions/1") == (404, 40401)
    assert api.code("POST", f"/subjects/{subject}", {"schema": BASE}) == (404, 40401)
    assert api.code("DELETE", f"/subjects/{subject}") == (404, 40401)
    assert api.code("GET", "/schemas/ids/999999") == (404, 40403)
    api.register(subject, BASE)
    assert api.code("GET", f"/subjects/{subject}/versions/7") == (404, 40402)
    assert api.code("POST", f"/subjects/{subject}", {"schema": WITH_DEFAULT}) == (404, 40403)


def test_a_version_that_is_no_number_is_refused(api: Api, subject: str) -> None:
    api.register(subject, BASE)
    assert api.code("GET", f"/subjects/{subject}/versions/newest") == (422, 42202)
    assert api.code("GET", f"/subjects/{subject}/versions/0") == (422, 42202)


@pytest.mark.parametrize(
    "text", ['{"type": "record"', '{"type": "nonsense"}', '{"type": "record", "name": "X", "fields": [{"name": "a", "type": "Missing"}]}']
)
def test_an_invalid_schema_is_refused(api: Api, subject: str, text: str) -> None:
    assert api.code("POST", f"/subjects/{subject}/versions", {"schema": text}) == (422, 42201)


@pytest.mark.parametrize(
    ("level", "schema", "allowed"),
    [
        ("NONE", OTHER_TYPE, True),
        ("BACKWARD", WITH_DEFAULT, True),
        ("BACKWARD", WITHOUT_DEFAULT, False),
        ("FORWARD", WITHOUT_DEFAULT, True),
        ("FORWARD", OTHER_TYPE, False),
        ("FULL", WITH_DEFAULT, True),
        ("FULL", WITHOUT_DEFAULT, False),
        ("FULL_TRANSITIVE", WITH_DEFAULT, True),
        ("FULL_TRANSITIVE", OTHER_TYPE, False),
    ],
)
def test_a_level_decides_what_may_follow(api: Api, subject: str, level: str, schema: str, allowed: bool) -> None:
    api.register(subject, BASE)
    assert api.call("PUT", f"/config/{subject}", {"compatibility": level}) == (200, {"compatibility": level})
    status, answer = api.call("POST", f"/compatibility/subjects/{subject}/versions/latest?verbose=true", {"schema": schema})
    assert (status, answer["is_compatible"]) == (200, allowed)
    assert allowed or answer["messages"]
    if allowed:
        api.register(subject, schema)
    else:
        assert api.code("POST", f"/subjects/{subject}/versions", {"schema": schema}) == (409, 409)


def test_a_transitive_level_looks_at_all_versions(api: Api, subject: str) -> None:
    """`note` is a string with a default, then gone, then a number: readable from the last version, not from the first."""
    first = record({"name": "note", "type": "string", "default": ""})
    third = record({"name": "note", "type": "long", "default": 0})
    for schema in (first, BASE):
        api.register(subject, schema)
    path = f"/compatibility/subjects/{subject}/versions"
    api.call("PUT", f"/config/{subject}", {"compatibility": "BACKWARD"})
    assert api.call("POST", path, {"schema": third})[1]["is_compatible"] is True
    api.call("PUT", f"/config/{subject}", {"compatibility": "BACKWARD_TRANSITIVE"})
    assert api.call("POST", path, {"schema": third})[1]["is_compatible"] is False


def test_the_client_is_told_of_an_incompatible_schema(client: SchemaRegistryClient, subject: str) -> None:
    client.register_schema(subject, Schema(BASE, "AVRO"))
    assert client.test_compatibility(subject, Schema(WITH_DEFAULT, "AVRO")) is True
    with pytest.raises(SchemaRegistryError) as refusal:
        client.register_schema(subject, Schema(WITHOUT_DEFAULT, "AVRO"))
    assert (refusal.value.http_status_code, refusal.value.error_code) == (409, 409)


def test_levels_are_set_inherited_and_cleared(api: Api, subject: str) -> None:
    assert api.code("GET", f"/config/{subject}") == (404, 40408)
    assert api.call("GET", f"/config/{subject}?defaultToGlobal=true")[1]["compatibilityLevel"] == "BACKWARD"
    api.call("PUT", f"/config/{subject}", {"compatibility": "FULL_TRANSITIVE"})
    assert api.call("GET", f"/config/{subject}")[1]["compatibilityLevel"] == "FULL_TRANSITIVE"
    assert api.call("DELETE", f"/config/{subject}")[0] == 200
    assert api.code("GET", f"/config/{subject}") == (404, 40408)


def test_the_global_level_holds_where_a_subject_has_none(api: Api, subject: str) -> None:
    assert api.call("GET", "/config")[1]["compatibilityLevel"] == "BACKWARD"
    api.register(subject, BASE)
    api.call("PUT", "/config", {"compatibility": "NONE"})
    try:
        api.register(subject, OTHER_TYPE)
    finally:
        api.call("PUT", "/config", {"compatibility": "BACKWARD"})


def test_an_unknown_level_is_refused(api: Api, subject: str) -> None:
    assert api.code("PUT", f"/config/{subject}", {"compatibility": "SOMETIMES"}) == (422, 42203)


def test_a_version_goes_in_two_steps(api: Api, subject: str) -> None:
    for schema in (BASE, WITH_DEFAULT):
        api.register(subject, schema)
    assert api.code("DELETE", f"/subjects/{subject}/versions/1?permanent=true") == (404, 40407)
    assert api.call("DELETE", f"/subjects/{subject}/versions/1") == (200, 1)
    assert api.call("GET", f"/subjects/{subject}/versions") == (200, [2])
    assert api.call("GET", f"/subjects/{subject}/versions?deleted=true") == (200, [1, 2])
    assert api.call("DELETE", f"/subjects/{subject}/versions/1?permanent=true") == (200, 1)
    assert api.call("GET", f"/subjects/{subject}/versions?deleted=true") == (200, [2])


def test_a_subject_goes_in_two_steps_and_its_schema_stays_readable(api: Api, subject: str) -> None:
    schema_id = api.register(subject, BASE)
    assert api.code("DELETE", f"/subjects/{subject}?permanent=true") == (404, 40405)
    assert api.call("DELETE", f"/subjects/{subject}") == (200, [1])
    assert subject not in api.call("GET", "/subjects")[1]
    assert subject in api.call("GET", "/subjects?deleted=true")[1]
    assert api.call("GET", f"/schemas/ids/{schema_id}")[0] == 200
    assert api.call("DELETE", f"/subjects/{subject}?permanent=true") == (200, [1])
    assert subject not in api.call("GET", "/subjects?deleted=true")[1]


def test_a_deleted_schema_comes_back_with_its_id_as_a_new_version(api: Api, subject: str) -> None:
    schema_id = api.register(subject, BASE)
    api.call("DELETE", f"/subjects/{subject}")
    assert api.register(subject, BASE) == schema_id
    assert api.call("GET", f"/subjects/{subject}/versions") == (200, [2])


def test_the_mode_is_read_and_write(api: Api) -> None:
    assert api.call("GET", "/mode")[1]["mode"] == "READWRITE"
