"""Batches at the door: every line is answered for itself, nobody unknown is let in, nothing is taken that cannot be kept."""

import json

import pytest

from services.contract_events.web.limits import Limits
from services.visibility.policy import supply_of
from shared.messages.source import SourceContract, SourceMapping
from shared.wire.encoder import writer_of
from tests.unit.contract_events.doors import TOKEN, open_door
from tests.unit.contract_events.test_ocds_rules import a_release

CONTRACT = {
    "contract_id": "C-1",
    "contract_type": "SOW",
    "status": "IN_APPROVAL",
    "title": "Ledger migration",
    "customer_account_id": "ACC-1",
    "business_unit": "BU-1",
    "region": "emea",
    "currency": "EUR",
    "start_date": "2026-01-01",
    "end_date": "2026-12-31",
    "total_value": {"amount": "10.50", "currency": "EUR"},
}
REPORT = {"occurred_at": "2026-01-01T00:00:00Z", "source": "clm", "contract_id": "C-1", "kind": "CONTRACT", "contract": CONTRACT}
ACCOUNT = {"occurred_at": "2026-01-01T00:00:00Z", "source": "crm", "account_id": "ACC-1", "name": "Aster"}
MAPPING = {
    "occurred_at": "2026-01-01T00:00:00Z",
    "source": "stewards",
    "key": "erp_route:BU-1@emea",
    "kind": "ERP_ROUTE",
    "effective_from": "2020-01-01",
    "values": {"tenant": "netsuite-emea"},
    "actor": "pat",
    "reason": "new unit",
}


async def test_each_line_is_answered_for_itself() -> None:
    wrong = REPORT | {"kind": "RUMOUR"}
    async with open_door() as door:
        status, answer = await door.intake("clm", REPORT, b"", wrong, b"{broken", REPORT | {"contract_id": "C-2"})
        keys = [parcel.key for parcel in door.kept.parcels]
    assert status == 200
    assert [(item["line"], item["outcome"], item.get("code")) for item in answer["items"]] == [
        (1, "taken", None),
        (3, "refused", "wrong-shape"),
        (4, "refused", "broken-json"),
        (5, "taken", None),
    ]
    assert keys == ["C-1", "C-2"]


async def test_a_report_without_an_id_gets_the_same_one_each_time() -> None:
    async with open_door() as door:
        await door.intake("clm", REPORT)
        await door.intake("clm", REPORT)
        await door.intake("clm", REPORT | {"source": "other"})
        ids = [parcel.event_id for parcel in door.kept.parcels]
    assert ids[0] == ids[1] != ids[2]


async def test_accounts_and_mappings_go_to_their_topics() -> None:
    async with open_door() as door:
        await door.intake("accounts", ACCOUNT)
        await door.intake("mappings", MAPPING)
        assert [(parcel.topic, parcel.key) for parcel in door.kept.parcels] == [
            ("source.crm.account.v1", "ACC-1"),
            ("source.reference.mapping.v1", "erp_route:BU-1@emea"),
        ]


async def test_what_was_set_up_in_an_erp_is_told_under_the_key_that_contracts_wait_for() -> None:
    told = json.loads(supply_of("erp_setup:currency-EUR@netsuite-emea").file or "")
    async with open_door() as door:
        await door.intake("mappings", MAPPING | {"kind": "ERP_SETUP", "key": told["key"], "values": told["values"]})
        (parcel,) = door.kept.parcels
    assert isinstance(parcel.message, SourceMapping)
    assert (parcel.key, parcel.message.values) == ("erp_setup:currency-EUR@netsuite-emea", told["values"])
    writer_of(SourceMapping.avro_schema)(parcel.message, bytearray())  # it fits the schema that was released


WRONG = [
    ("clm", REPORT | {"contract": CONTRACT | {"surprise": 1}}, "contract.surprise"),
    ("clm", REPORT | {"occurred_at": "2026-01-01T00:00:00"}, "no offset"),
    ("clm", REPORT | {"contract_id": ""}, "characters"),
    ("clm", REPORT | {"contract": CONTRACT | {"total_value": {"amount": "ten", "currency": "EUR"}}}, "total_value.amount"),
    ("clm", [REPORT], "JSON object"),
    ("clm", b'{"occurred_at": 1e999999}', "no amount of money"),
    ("clm", b'{"occurred_at": NaN}', "NaN is no number"),
    ("accounts", {"name": "Aster"}, "occurred_at"),
    ("mappings", MAPPING | {"key": "tax:DE@netsuite-emea"}, "erp_route:WHAT@WHERE"),
    ("mappings", MAPPING | {"effective_to": "2019-01-01"}, "ends on"),
    ("ocds", {"hello": "world"}, "no release"),
    ("ocds", a_release(value={}), "no value"),
]


@pytest.mark.parametrize(("kind", "line", "told"), WRONG)
async def test_a_wrong_line_is_refused_with_its_reason(kind: str, line: object, told: str) -> None:
    async with open_door() as door:
        _, answer = await door.intake(kind, line)
        assert door.kept.parcels == []
    assert told in answer["items"][0]["reason"]


HALF = "\ud800"  # of a surrogate pair: JSON can say it, and no UTF-8 can
ORGANISATION = {"id": "B1", "name": "Town"}
HALVES = [
    ("clm", REPORT | {"contract_id": HALF}),
    ("clm", REPORT | {"contract": CONTRACT | {"title": HALF}}),
    ("accounts", ACCOUNT | {"name": HALF}),
    ("mappings", MAPPING | {"values": {"tenant": HALF}}),
    ("ocds", a_release() | {"ocid": f"ocds-abc123-{HALF}"}),
    ("ocds", a_release() | {"buyer": ORGANISATION | {"name": HALF}}),
    ("ocds", a_release() | {"buyer": ORGANISATION | {"address": {"locality": HALF}}}),
]


@pytest.mark.parametrize(("kind", "line"), HALVES)
async def test_half_a_character_is_refused_for_its_own_line_alone(kind: str, line: object) -> None:
    sound = {"clm": REPORT, "accounts": ACCOUNT, "mappings": MAPPING, "ocds": a_release() | {"buyer": ORGANISATION}}[kind]
    async with open_door() as door:
        status, answer = await door.intake(kind, line, sound)
        assert door.kept.parcels
    assert (status, [item["outcome"] for item in answer["items"]], answer["items"][0]["code"]) == (200, ["refused", "taken"], "broken-text")


async def test_a_publication_without_bottom_is_refused_for_its_own_line_alone() -> None:
    deep = a_release() | {"extra": json.loads('{"x":' * 800 + "1" + "}" * 800)}
    history = {"records": [{"releases": [deep, deep | {"date": "2020-03-02T00:00:00Z"}]}]}
    async with open_door() as door:
        status, answer = await door.intake("ocds", history, a_release())
    assert (status, [item["outcome"] for item in answer["items"]], answer["items"][0]["code"]) == (200, ["refused", "taken"], "broken-json")


async def test_broken_rules_are_let_in_to_become_dead_letters_that_people_can_see() -> None:
    async with open_door() as door:
        _, answer = await door.intake("clm", REPORT | {"contract": CONTRACT | {"currency": "XXQ"}})
    assert answer["items"][0]["outcome"] == "taken"


async def test_a_publication_sends_its_accounts_and_mappings_before_its_contracts() -> None:
    release = a_release() | {"buyer": {"id": "B1", "name": "Town", "address": {"countryName": "PT"}}}
    async with open_door() as door:
        status, answer = await door.post("/intake/ocds?derive_mappings=true", _line(release), Authorization=f"Bearer {TOKEN}")
        topics = [parcel.topic for parcel in door.kept.parcels]
        last = door.kept.parcels[-1].message
    assert (status, answer["items"][0]["contract_id"]) == (200, "ocds-abc123-1/c1")
    assert topics == ["source.crm.account.v1", *["source.reference.mapping.v1"] * 2, "source.clm.contract.v1"]
    assert isinstance(last, SourceContract)


async def test_a_publication_without_contracts_is_empty_not_wrong() -> None:
    async with open_door() as door:
        _, answer = await door.intake("ocds", a_release() | {"contracts": []})
    assert answer["items"][0]["outcome"] == "empty"


@pytest.mark.parametrize("token", ["", "Bearer wrong", "Bearer", f"Basic {TOKEN}"])
async def test_nobody_without_the_token_is_let_in(token: str) -> None:
    async with open_door() as door:
        status, _ = await door.post("/intake/clm", _line(REPORT), Authorization=token)
        assert (status, door.kept.parcels) == (401, [])


async def test_nothing_is_taken_while_kafka_is_away() -> None:
    async with open_door() as door:
        door.kept.away = True
        status, answer = await door.intake("clm", REPORT)
    assert (status, "send it again" in answer["error"]) == (503, True)


async def test_too_many_lines_are_turned_away() -> None:
    async with open_door(limits=Limits(batch_lines=2)) as door:
        status, _ = await door.intake("clm", REPORT, REPORT, REPORT)
    assert status == 413


async def test_an_unknown_intake_is_named() -> None:
    async with open_door() as door:
        status, answer = await door.intake("gossip", REPORT)
    assert (status, "clm, accounts, mappings, ocds" in answer["error"]) == (404, True)


def _line(content: object) -> bytes:
    import json

    return json.dumps(content).encode()
