"""What our own registry keeps through crashes, and what it refuses to take in."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.errors import StackError
from deploy.embedded.registry.journal import Journal
from deploy.embedded.registry.store import Store
from tests.contract.test_registry_api import BASE, WITH_DEFAULT, Api, free_port, ours, wait_for


def test_ids_versions_and_levels_outlive_a_kill(tmp_path: Path) -> None:
    port = free_port()
    api = Api(f"http://127.0.0.1:{port}")
    with ours(port, tmp_path) as process:
        wait_for(api.url, process)
        ids = [api.register("orders-value", schema) for schema in (BASE, WITH_DEFAULT)]
        api.call("PUT", "/config/orders-value", {"compatibility": "FULL_TRANSITIVE"})
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    with ours(port, tmp_path) as process:
        wait_for(api.url, process)
        assert [api.register("orders-value", schema) for schema in (BASE, WITH_DEFAULT)] == ids
        assert api.call("GET", "/subjects/orders-value/versions") == (200, [1, 2])
        assert api.call("GET", "/config/orders-value")[1] == {"compatibilityLevel": "FULL_TRANSITIVE"}
        assert api.register("returns-value", json.dumps("string")) == max(ids) + 1


def test_a_deleted_version_stays_deleted_and_its_id_stays_known(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    store = Store(first)
    schema_id = store.register("orders-value", BASE)
    store.delete_subject("orders-value", permanent=False)
    store.delete_subject("orders-value", permanent=True)
    first.close()
    again = Journal(tmp_path)
    restarted = Store(again)
    assert restarted.subjects(deleted=True, prefix="") == []
    assert json.loads(restarted.schema(schema_id)) == json.loads(BASE)
    again.close()


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    schema_id = Store(first).register("orders-value", BASE)
    first.close()
    with first.path.open("ab") as file:
        file.write(b'{"did":"regis')
    again = Journal(tmp_path)
    store = Store(again)
    assert store.register("orders-value", WITH_DEFAULT) == schema_id + 1
    again.close()
    assert len(first.path.read_text().splitlines()) == 2


def test_a_damaged_journal_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"did":"level","subject":null,"level":"FULL"}\nnonsense\n')
    journal = Journal(tmp_path)
    with pytest.raises(StackError, match=r"line 2 of .*journal\.jsonl is damaged"):
        Store(journal)
    journal.close()


def test_two_registries_do_not_share_a_home(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    with pytest.raises(StackError, match="another schema registry uses"):
        Journal(tmp_path)
    first.close()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    port = free_port()
    with ours(port, tmp_path_factory.mktemp("registry")) as process:
        wait_for(f"http://127.0.0.1:{port}", process)
        yield Api(f"http://127.0.0.1:{port}")


def test_a_body_of_two_megabytes_is_refused(api: Api) -> None:
    assert api.code("POST", "/subjects/big-value/versions", {"schema": "x" * (2 << 20)}) == (413, 413)


def test_references_are_refused_with_what_to_do_instead(api: Api) -> None:
    body = {"schema": BASE, "references": [{"name": "test.Other", "subject": "other-value", "version": 1}]}
    status, answer = api.call("POST", "/subjects/orders-value/versions", body)
    assert (status, answer["error_code"]) == (422, 42201)
    assert "inlined" in answer["message"]


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    assert api.code("POST", "/subjects/orders-value/versions", body) == (400, 400)


def test_a_schema_nested_too_deeply_is_refused(api: Api) -> None:
    text = '{"type":"array","items":' * 5000 + '"int"' + "}" * 5000
    assert api.code("POST", "/subjects/orders-value/versions", {"schema": text}) == (422, 42201)


def test_other_formats_than_avro_are_refused(api: Api) -> None:
    body = {"schema": 'syntax = "proto3";', "schemaType": "PROTOBUF"}
    assert api.code("POST", "/subjects/orders-value/versions", body) == (422, 42201)


def test_a_subject_may_hold_characters_that_a_path_escapes(api: Api) -> None:
    assert api.call("POST", "/subjects/a%20%C3%A4%3A%25%2Fb/versions", {"schema": BASE})[0] == 200
    assert "a ä:%/b" in api.call("GET", "/subjects")[1]
    assert api.call("GET", "/subjects/a%20%C3%A4%3A%25%2Fb/versions/latest")[1]["subject"] == "a ä:%/b"
