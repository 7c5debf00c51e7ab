"""docker-compose.yml describes the system that the code is: every process, every setting, every port; and nothing in it floats."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from deploy.images.start import ASKED, filled
from shared.wire import catalogue

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
RUN_BY_SERVICES = {name: service for name, service in OURS.items() if service["command"][0].startswith("services.")}
DOCKERFILE = (ROOT / "deploy" / "images" / "Dockerfile").read_text()
PREPARE_READS = {"THROUGHLINE_POSTGRES_ADMIN", "THROUGHLINE_KAFKA", "THROUGHLINE_REGISTRY"}
PORT = re.compile(r"127\.0\.0\.1:(\d+):(\d+)")


def _read_by(module: str) -> set[str]:
    """Names of the variables that the settings classes of a service read."""
    found = vars(importlib.import_module(f"{module}.settings")).values()
    classes = [each for each in found if isinstance(each, type) and issubclass(each, BaseSettings) and each is not BaseSettings]
    return {f"{of.model_config['env_prefix']}{name}".upper() for of in classes for name in of.model_fields}


def _published(service: dict[str, Any]) -> dict[int, int]:
    """Port on this machine by port in the container."""
    found = [PORT.fullmatch(text) for text in service.get("ports", ())]
    assert all(found), "every port is published on the loopback address only"
    return {int(match[2]): int(match[1]) for match in found if match}


def test_every_service_of_the_catalogue_has_a_container() -> None:
    assert {service["command"][0].removeprefix("services.") for service in RUN_BY_SERVICES.values()} == set(catalogue.load().services)


@pytest.mark.parametrize("name", ["kafka", "registry", "postgres", "collector", "prepare", "kpis", "netsuite", "psa", "crm"])
def test_everything_around_the_services_has_a_container(name: str) -> None:
    assert name in SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert re.match(r"\d+\.\d+", tag)


def test_the_image_is_built_from_a_pinned_base_and_locked_wheels() -> None:
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.11.14-slim-trixie"}
    assert "--require-hashes" in DOCKERFILE
    for copied in re.findall(r"^COPY ([\w/.]+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / copied).exists(), copied


@pytest.mark.parametrize("name", OURS)
def test_every_process_of_ours_runs_the_one_image_without_rights(name: str) -> None:
    service = OURS[name]
    assert service["image"] == "throughline:0.1.0"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "USER 10001:10001" in DOCKERFILE


@pytest.mark.parametrize("name", OURS)
def test_every_command_names_a_module_that_can_be_run(name: str) -> None:
    path = ROOT / OURS[name]["command"][0].replace(".", "/")
    assert (path / "__main__.py").exists() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("name", RUN_BY_SERVICES)
def test_every_variable_is_one_that_the_service_reads(name: str) -> None:
    service = RUN_BY_SERVICES[name]
    assert set(service["environment"]) <= _read_by(service["command"][0])


def test_every_variable_of_the_preparation_is_one_that_it_reads() -> None:
    assert set(SERVICES["prepare"]["environment"]) == PREPARE_READS


@pytest.mark.parametrize("name", RUN_BY_SERVICES)
def test_every_required_setting_is_given(name: str) -> None:
    from shared.runtime.settings import RuntimeSettings

    required = {f"THROUGHLINE_{field}".upper() for field, told in RuntimeSettings.model_fields.items() if told.is_required()}
    assert required <= set(RUN_BY_SERVICES[name]["environment"])


@pytest.mark.parametrize("name", OURS)
def test_a_secret_is_asked_for_by_name_and_given_as_a_file(name: str) -> None:
    service = OURS[name]
    asked = {secret for value in service.get("environment", {}).values() for secret in ASKED.findall(str(value))}
    assert asked <= set(service.get("secrets", ()))
    assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])


def test_the_preparation_is_given_the_password_of_every_role() -> None:
    assert set(catalogue.load().services) < set(SERVICES["prepare"]["secrets"])


def test_no_two_containers_publish_the_same_port() -> None:
    ports = [port for service in SERVICES.values() for port in _published(service).values()]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("name", [name for name in RUN_BY_SERVICES if name != "kpis"])
def test_ports_agree_with_those_of_the_embedded_run(name: str) -> None:
    from deploy.embedded.processes import SERVICES as EMBEDDED

    port = 8700 + EMBEDDED[name.replace("-", "_")]
    assert int(SERVICES[name]["environment"]["THROUGHLINE_OPS_PORT"]) == port
    assert _published(SERVICES[name])[port] == port


def test_the_console_asks_every_service_at_its_ops_port() -> None:
    asked = json.loads(SERVICES["visibility"]["environment"]["THROUGHLINE_VISIBILITY_SERVICE_URLS"])
    listening = {f"http://{name}:{service['environment']['THROUGHLINE_OPS_PORT']}" for name, service in RUN_BY_SERVICES.items() if name != "kpis"}
    assert set(asked) == listening


def test_the_collector_scrapes_every_service_and_takes_its_spans() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "images" / "collector.yaml").read_text())
    (job,) = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    listening = {f"{name}:{service['environment']['THROUGHLINE_OPS_PORT']}" for name, service in RUN_BY_SERVICES.items() if name != "kpis"}
    assert set(job["static_configs"][0]["targets"]) == listening
    spans = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    for service in RUN_BY_SERVICES.values():
        assert service["environment"]["THROUGHLINE_OTLP_ENDPOINT"] == f"http://collector:{spans}"
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])


def test_everything_waited_for_exists_and_can_say_that_it_is_ready() -> None:
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            assert wanted["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]


def test_every_named_volume_is_declared() -> None:
    mounted = {text.split(":")[0] for service in SERVICES.values() for text in service.get("volumes", ()) if not text.startswith(".")}
    assert mounted == set(COMPOSE["volumes"])


def test_a_secret_is_put_in_and_quoted_inside_a_url(tmp_path: Path) -> None:
    (tmp_path / "psa_sync").write_text("p/w@1\n")
    told = filled({"DSN": "postgresql://psa_sync:{secret:psa_sync}@db/x", "KEY": "{secret:psa_sync}", "PLAIN": "{}"}, tmp_path)
    assert told == {"DSN": "postgresql://psa_sync:p%2Fw%401@db/x", "KEY": "p/w@1", "PLAIN": "{}"}


def test_a_missing_secret_ends_the_container_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="DSN asks for the secret psa_sync"):
        filled({"DSN": "{secret:psa_sync}"}, tmp_path)
