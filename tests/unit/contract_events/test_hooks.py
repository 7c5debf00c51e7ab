"""Webhooks on a real socket: who is believed, how much is read, and that a delivery is one event however often it comes."""

import asyncio
import base64
import hmac
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.contract_events.web.hooks import HookSettings
from services.contract_events.web.limits import Limits
from shared.messages.source import SourceContract
from tests.unit.contract_events.doors import open_door

OLD, NEW = "old-connect-key", "new-connect-key"
DOCUSIGN = HookSettings(docusign_keys=(OLD, NEW))
SIGNED_AT = "2026-02-03T10:00:00.1234567Z"
CONNECT = Path(__file__).resolve().parents[4] / "shared" / "data" / "docusign" / "connect.schema-v2.json"


def envelope(event: str = "envelope-completed", retry: int = 0, **fields: str) -> bytes:
    named = [{"name": name, "value": value} for name, value in ({"ContractId": "C-1"} | fields).items()]
    summary = {
        "status": "completed",
        "completedDateTime": SIGNED_AT,
        "declinedDateTime": SIGNED_AT,
        "customFields": {"textCustomFields": named},
        "recipients": {"signers": [{"name": "Ada", "email": "ada@customer.example"}]},
        "sender": {"userName": "Sam", "email": "sam@firm.example"},
    }
    message = {
        "event": event,
        "apiVersion": "v2.1",
        "retryCount": retry,
        "generatedDateTime": f"2026-02-03T10:0{retry}:00Z",
        "data": {"accountId": "a", "envelopeId": "env-1", "envelopeSummary": summary},
    }
    return json.dumps(message).encode()


def signature(body: bytes, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, sha256).digest()).decode()


async def test_a_completed_envelope_is_an_approval_by_its_last_signer() -> None:
    body = envelope()
    async with open_door(DOCUSIGN) as door:
        status, answer = await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
        assert (status, answer["outcome"], answer["contract_id"]) == (200, "taken", "C-1")
        message = door.kept.parcels[0].message
    assert isinstance(message, SourceContract)
    assert message.approval is not None
    assert (message.kind, message.approval.role, message.approval.actor) == ("APPROVAL", "legal", "ada@customer.example")
    assert message.approval.decided_at.isoformat() == "2026-02-03T10:00:00.123456+00:00"


async def test_a_declined_envelope_is_a_rejection_by_the_role_it_names() -> None:
    body = envelope("envelope-declined", ApprovalRole="Finance")
    async with open_door(DOCUSIGN) as door:
        await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
        message = door.kept.parcels[0].message
    assert isinstance(message, SourceContract)
    assert message.approval is not None
    assert (message.approval.role, message.approval.decision) == ("finance", "REJECTED")


async def test_any_of_several_signatures_under_any_of_several_keys_is_enough() -> None:
    body = envelope()
    async with open_door(DOCUSIGN) as door:
        headers = {"X_DocuSign_Signature_1": "bm90IG91cnM=", "X_DocuSign_Signature_2": signature(body, OLD)}
        status, _ = await door.post("/hooks/docusign", body, **headers)
    assert status == 200


@pytest.mark.parametrize("wrong", ["bm90IG91cnM=", "", "café"])
async def test_a_wrong_signature_is_turned_away(wrong: str) -> None:
    async with open_door(DOCUSIGN) as door:
        status, answer = await door.post("/hooks/docusign", envelope(), X_DocuSign_Signature_1=wrong)
        assert (status, door.kept.parcels) == (401, [])
    assert "THROUGHLINE_DOCUSIGN_KEYS" in answer["error"]


async def test_a_body_changed_on_its_way_is_turned_away() -> None:
    body = envelope()
    async with open_door(DOCUSIGN) as door:
        status, _ = await door.post("/hooks/docusign", body + b" ", X_DocuSign_Signature_1=signature(body, NEW))
    assert status == 401


async def test_without_a_key_the_hook_is_closed() -> None:
    async with open_door() as door:
        status, _ = await door.post("/hooks/docusign", envelope(), X_DocuSign_Signature_1=signature(envelope(), ""))
    assert status == 401


async def test_the_same_delivery_sent_again_is_the_same_event() -> None:
    async with open_door(DOCUSIGN) as door:
        for body in (envelope(retry=0), envelope(retry=3)):
            await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
        ids = [parcel.event_id for parcel in door.kept.parcels]
    assert (len(ids), len(set(ids))) == (2, 1)


async def test_what_decides_nothing_is_thanked_for_and_left() -> None:
    for body in (envelope("envelope-sent"), envelope(ContractId="")):
        async with open_door(DOCUSIGN) as door:
            status, answer = await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
            assert (status, answer["outcome"], door.kept.parcels) == (200, "ignored", [])


async def test_a_signed_body_that_is_no_message_is_named() -> None:
    for body in (b"{", b"[]", b'{"event": 1}'):
        async with open_door(DOCUSIGN) as door:
            status, answer = await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
        assert (status, "no Connect message" in answer["error"]) == (400, True)


@pytest.mark.skipif(not CONNECT.exists(), reason="the vendor's sample is not beside this checkout")
async def test_the_vendor_s_own_sample_message_is_understood() -> None:
    sample: dict[str, Any] = json.loads(CONNECT.read_text())
    sample["event"], sample["generatedDateTime"] = "envelope-completed", SIGNED_AT
    summary = sample["data"]["envelopeSummary"]
    summary["completedDateTime"] = summary["declinedDateTime"] = summary["voidedDateTime"] = SIGNED_AT
    summary["customFields"]["textCustomFields"][0] |= {"name": "ContractId", "value": "C-7"}
    body = json.dumps(sample).encode()
    async with open_door(DOCUSIGN) as door:
        status, answer = await door.post("/hooks/docusign", body, X_DocuSign_Signature_1=signature(body, NEW))
    assert (status, answer["contract_id"]) == (200, "C-7")


async def test_ten_megabytes_are_turned_away_unread() -> None:
    async with open_door(DOCUSIGN) as door:
        status, answer = await door.post("/hooks/docusign", b"x" * 10_000_000)
    assert (status, "larger than 1048576 bytes" in answer["error"]) == (413, True)


async def test_a_body_that_does_not_say_its_size_is_cut_off_when_it_is_too_big() -> None:
    async with open_door(DOCUSIGN, Limits(hook_bytes=1000)) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /hooks/docusign HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n" + b"7d0\r\n" + b"x" * 2000 + b"\r\n")
        await writer.drain()
        assert b" 413 " in await reader.readline()
        writer.close()


async def test_a_slow_body_is_given_up() -> None:
    async with open_door(DOCUSIGN, Limits(read_s=0.2)) as door:
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"POST /hooks/docusign HTTP/1.1\r\nHost: door\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
IRONCLAD = HookSettings(ironclad_key=PUBLIC, ironclad_contract="IC-{workflow_id}")


def workflow(event: str) -> bytes:
    payload = {"event": event, "templateID": "t1", "workflowID": "w1"}
    message = {"companyID": "c", "payload": payload, "timestamp": "2026-04-07T21:40:00.000Z", "webhookID": "h"}
    return json.dumps(message, separators=(",", ":")).encode()


def sealed(body: bytes, event_id: str = "delivery-1") -> dict[str, str]:
    signed = PRIVATE.sign(event_id.encode() + body + b"nonce-1", padding.PKCS1v15(), hashes.SHA256())
    seal = {"nonce": "nonce-1", "signAlgorithm": "RSA-SHA256", "signature": base64.b64encode(signed).decode(), "encoding": "base64"}
    return {"X_Ironclad_Webhook_Event_Id": event_id, "X_Ironclad_Webhook_Verification": json.dumps(seal)}


async def test_a_completed_workflow_is_an_approval_and_a_cancelled_one_cancels() -> None:
    async with open_door(IRONCLAD) as door:
        for event in ("workflow_completed", "workflow_cancelled", "workflow_launched"):
            body = workflow(event)
            assert (await door.post("/hooks/ironclad", body, **sealed(body, event)))[0] == 200
        kinds = [(parcel.key, parcel.message.kind) for parcel in door.kept.parcels if isinstance(parcel.message, SourceContract)]
    assert kinds == [("IC-w1", "APPROVAL"), ("IC-w1", "CANCELLATION")]


async def test_a_workflow_under_a_broken_seal_is_turned_away() -> None:
    body = workflow("workflow_completed")
    other = sealed(workflow("workflow_cancelled"))
    for headers in (other, {}, {"X_Ironclad_Webhook_Verification": "{"}, sealed(body) | {"X_Ironclad_Webhook_Event_Id": "delivery-2"}):
        async with open_door(IRONCLAD) as door:
            assert (await door.post("/hooks/ironclad", body, **headers))[0] == 401
