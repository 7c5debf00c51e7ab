"""The service as it is wired: what it keeps can be read again, what it publishes fits its schema, its targets are the tenants."""

import json
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import fastavro
import msgspec
import pytest

from services.erp_provisioning.app import build
from services.erp_provisioning.domain.progress import Provisioning
from services.erp_provisioning.handlers.deciders import on_answered, on_engagement_ready
from services.erp_provisioning.handlers.mapping import on_mapping
from services.erp_provisioning.settings import Settings
from shared.kernel.contract import Contract
from shared.messages.provisioning import ErpProvisioning
from shared.runtime.settings import RuntimeSettings
from tests.unit.erp_provisioning.samples import EVERY_MODEL, NOW, Known, contract, done, line, ready, refusal, set_up, state_of, told
from tests.unit.erp_provisioning.test_deciders import entry

KEEP = msgspec.json.Encoder(decimal_format="string")


def settings(**what: object) -> Settings:
    runtime = RuntimeSettings.model_validate({"kafka": "k:1", "postgres": "p", "registry": "http://r", "ops_port": 1})
    return Settings.model_validate({"runtime": runtime, **what})


@pytest.mark.parametrize("of", EVERY_MODEL.values(), ids=EVERY_MODEL.keys())
def test_a_state_is_read_again_as_it_was_kept(of: Contract) -> None:
    state, _ = set_up(of)
    assert msgspec.json.decode(KEEP.encode(state), type=Provisioning) == state


def test_a_waiting_state_and_a_mapping_are_read_again_as_they_were_kept() -> None:
    first = on_engagement_ready(None, ready(1, contract(line())), Known(), NOW)
    waiting = state_of(on_answered(state_of(first), refusal(first.intents[0], "USER_ERROR", "no subsidiary"), Known(), NOW))
    assert msgspec.json.decode(KEEP.encode(waiting), type=Provisioning) == waiting
    kept = on_mapping(None, entry("5"), Known(), NOW).state
    assert msgspec.json.decode(KEEP.encode(kept), type=build(settings()).states[""]) == kept


def test_what_is_published_fits_its_schema() -> None:
    schema = fastavro.parse_schema(json.loads(ErpProvisioning.avro_schema))
    first = on_engagement_ready(None, ready(1, EVERY_MODEL["mixed"]), Known(), NOW)
    after = on_answered(state_of(first), done(first.intents[0]), Known(), NOW)
    refused = on_answered(state_of(first), refusal(first.intents[0], "USER_ERROR", "no subsidiary"), Known(), NOW)
    for decision in (first, after, refused):
        fastavro.schemaless_writer(BytesIO(), schema, msgspec.to_builtins(told(decision), builtin_types=(datetime, date, Decimal)))


def test_only_netsuite_tenants_are_targets_and_each_is_one() -> None:
    target = build(settings(netsuite_concurrency=5)).target
    assert target is not None
    assert target("netsuite-emea") is target("netsuite-emea")
    assert target("netsuite-emea").allowance.concurrency == 5
    with pytest.raises(KeyError):
        target("sap-emea")


def test_a_tenant_is_a_path_or_has_an_address_of_its_own() -> None:
    told = settings(netsuite_url="http://127.0.0.1:8703/", netsuite_urls={"netsuite-us": "https://1234567.suitetalk.api.netsuite.com"})
    assert told.netsuite_base("netsuite-emea") == "http://127.0.0.1:8703/netsuite-emea"
    assert told.netsuite_base("netsuite-us") == "https://1234567.suitetalk.api.netsuite.com"
    assert settings(netsuite_url="https://{tenant}.example").netsuite_base("netsuite-emea") == "https://netsuite-emea.example"


def test_the_key_lies_in_the_home_of_an_embedded_run_unless_it_is_named() -> None:
    told = settings()
    at_home = replace_home(told, Path("/srv/home"))
    assert at_home.netsuite_key_file() == Path("/srv/home/run/secrets/netsuite_private.pem")
    assert settings(netsuite_private_key="/etc/key.pem").netsuite_key_file() == Path("/etc/key.pem")


def replace_home(told: Settings, home: Path) -> Settings:
    return told.model_copy(update={"runtime": told.runtime.model_copy(update={"home": home})})
