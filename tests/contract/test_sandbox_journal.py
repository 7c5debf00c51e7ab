"""What a sandbox acknowledged is there after a kill -9; half a line is not; two processes never share a folder."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization

from deploy.sandboxes.common.journal import Journals, replay
from deploy.sandboxes.common.requests import content_digest
from deploy.sandboxes.keys import netsuite_key
from deploy.sandboxes.process import DidNotStart, Sandbox, start
from deploy.sandboxes.sign_in import netsuite_token, salesforce_token

ACCOUNT = "netsuite-emea"
ACME = {"companyName": "Acme", "subsidiary": {"id": "3"}}


async def put_customer(session: aiohttp.ClientSession, sandbox: Sandbox, token: str, eid: str) -> int:
    address = f"{sandbox.url}/{ACCOUNT}/services/rest/record/v1/customer/eid:{eid}"
    async with session.put(address, json=ACME, headers={"Authorization": f"Bearer {token}"}) as answer:
        return answer.status


async def told(session: aiohttp.ClientSession, sandbox: Sandbox, path: str) -> Any:
    async with session.get(f"{sandbox.url}/_sandbox/{path}") as answer:
        return await answer.json()


async def test_every_acknowledged_customer_survives_kill_9_and_so_do_token_and_calls(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        first = await start("netsuite", tmp_path)
        token = await netsuite_token(session, first.url, ACCOUNT, tmp_path)
        acknowledged: set[str] = set()

        async def keep_writing(worker: int) -> None:
            for n in range(10_000):
                eid = f"K-{worker}-{n}"
                if await put_customer(session, first, token, eid) == 204:
                    acknowledged.add(eid)
                if len(acknowledged) > 100:
                    await first.kill()

        await asyncio.gather(*(keep_writing(worker) for worker in range(8)), return_exceptions=True)
        assert len(acknowledged) > 100
        second = await start("netsuite", tmp_path)
        try:
            held = (await told(session, second, f"records?account={ACCOUNT}"))["customer"]
            assert acknowledged <= {each["externalId"] for each in held}
            assert len({each["id"] for each in held}) == len(held)
            kept = replay(tmp_path / "sandboxes" / "netsuite" / "objects.jsonl")
            assert {line["digest"] for line in kept if line["record"] == "customer"} == {content_digest(json.dumps(ACME).encode())}, (
                "what an object was told is kept with it: the call itself may be lost"
            )
            assert (await told(session, second, "requests"))["total"] >= len(acknowledged)
            assert await put_customer(session, second, token, "AFTER") == 204
            assert await put_customer(session, second, token, next(iter(acknowledged))) == 204
            assert (await told(session, second, "records?count=true"))[ACCOUNT]["customer"] == len(held) + 1
        finally:
            await second.stop()


async def test_a_deleted_object_stays_deleted_and_a_roster_is_sown_once(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session:
        first = await start("psa", tmp_path)
        token = await salesforce_token(session, first.url, "psa", tmp_path)
        address = f"{first.url}/services/data/v62.0/sobjects/pse__Proj__c/Throughline_Key__c/P-1"
        headers = {"Authorization": f"Bearer {token}"}
        async with session.patch(address, json={"Name": "Rollout"}, headers=headers) as answer:
            assert answer.status == 201
        async with session.delete(address, headers=headers) as answer:
            assert answer.status == 204
        before = await told(session, first, "records?count=true")
        await first.kill()
        second = await start("psa", tmp_path)
        assert await told(session, second, "records?count=true") == before == {"Contact": 16}
        await second.stop()


async def test_two_sandboxes_never_share_a_folder(tmp_path: Path) -> None:
    first = await start("crm", tmp_path)
    try:
        with pytest.raises(DidNotStart, match="in use by another process"):
            await start("crm", tmp_path)
    finally:
        await first.stop()


async def test_half_a_line_is_cut_off_and_the_rest_is_kept(tmp_path: Path) -> None:
    journals = Journals(tmp_path)
    journals.append("objects", b'{"n":1}')
    await journals.committed()
    journals.close()
    path = journals.paths["objects"]
    with path.open("ab") as file:
        file.write(b'{"n":2')
    Journals(tmp_path).close()
    assert list(replay(path)) == [{"n": 1}]


async def test_without_a_home_or_a_word_from_the_environment_it_refuses_to_start() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "THROUGHLINE_SANDBOX"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.sandboxes.crm", "--port", "1", stderr=asyncio.subprocess.PIPE, env=environment
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"THROUGHLINE_SANDBOX=1" in said


async def test_sandboxes_starting_together_agree_on_one_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    keys = await asyncio.gather(*(asyncio.to_thread(netsuite_key, tmp_path) for _ in range(3)))
    private = serialization.load_pem_private_key(keys[0].private_file.read_bytes(), None)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert keys[0].public_file.read_bytes() == pem
    assert keys[0].private_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in keys[0].private_file.parent.iterdir()) == ["netsuite_private.pem", "netsuite_public.pem"]
