"""The five calls to an ERP that follow from a contract, each behind the answer before it. The account is the order's customer. Used by the peers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.job import Job, Order

STEPS = 5
BODY = {"companyName": "Acme", "subsidiary": {"id": "3"}}
PAUSE_S = 1.0  # after a refusal


def external_id(contract_id: str, step: int) -> str:
    return f"{contract_id}_{step}"


class Erp:
    """As told in the job's folder: `url`, and a token for each account."""

    def __init__(self, job: Job, session: aiohttp.ClientSession) -> None:
        told = json.loads((Path(job.folder) / "erp").read_text())
        self.url, self.tokens, self.session = told["url"], told["tokens"], session

    async def set_up(self, order: Order) -> None:
        for step in range(STEPS):
            await self._make(order["customer"], external_id(order["contract_id"], step))

    async def _make(self, account: str, eid: str) -> None:
        address = f"{self.url}/{account}/services/rest/record/v1/customer/eid:{eid}"
        headers: Any = {"Authorization": f"Bearer {self.tokens[account]}"}
        while True:
            async with self.session.put(address, json=BODY, headers=headers) as answer:
                if answer.status == 204:
                    return
            await asyncio.sleep(PAUSE_S)


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
