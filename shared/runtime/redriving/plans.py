"""Plans at the desk: begun, judged page by page, shown, and applied step by step."""

import json

import asyncpg
from aiohttp import web

from shared.runtime.engine import Engine
from shared.runtime.redriving.judging import Judge
from shared.runtime.redriving.requests import Apply, Begin, Refusal, answer, body_of, number_of
from shared.store.batches import BatchStore
from shared.store.letters import Asked, LetterStore
from shared.store.plans import PlanStore, Row
from shared.store.steps import StepStore
from shared.telemetry import logs

log = logs.get(__name__)
PAGE = 200  # letters judged at a time; what is held in memory does not grow with their number
JUDGE_PAGES = 5


class Plans:
    def __init__(self, engine: Engine, pool: asyncpg.Pool) -> None:
        self.engine = engine
        self.letters, self.plans, self.steps = LetterStore(pool), PlanStore(pool), StepStore(pool)
        self.judge = Judge(engine.service, engine.codec, BatchStore(pool), self.plans)

    async def begin(self, request: web.Request) -> web.Response:
        """A plan over the letters that stand now; nothing of it is judged yet."""
        wanted = await body_of(request, Begin)
        asked = Asked(wanted.cause, wanted.key)
        letters, last = await self.letters.count(asked)
        return answer(await self._told(await self.plans.begin(asked, wanted.who, wanted.why, letters, last)))

    async def show(self, request: web.Request) -> web.Response:
        return answer(await self._told(await self._plan(request)))

    async def items(self, request: web.Request) -> web.Response:
        """The next 200 items behind `after`."""
        plan = await self._plan(request)
        rows = await self.plans.items(plan["id"], number_of(request, "after"), PAGE)
        return answer([_item(row) for row in rows])

    async def go_on_judging(self, request: web.Request) -> web.Response:
        """Judge the next letters of the plan; ask again until its status is `ready`."""
        plan = await self._plan(request)
        for _ in range(JUDGE_PAGES):
            if plan["status"] != "judging":
                break
            letters = await self.letters.page(Asked(plan["cause"], plan["key"]), plan["judged"], PAGE, plan["last"])
            items = await self.judge.items(plan, letters)
            await self.plans.judged(plan, letters[-1].id if letters else plan["last"], items, len(letters) < PAGE)
            plan = await self._plan(request)
        return answer(await self._told(plan))

    async def advance(self, request: web.Request) -> web.Response:
        """Confirm what has ended, begin the next step when it is time; ask again until the status is `ended`, `stopped` or `refused`."""
        wanted, plan = await body_of(request, Apply), await self._plan(request)
        if plan["status"] == "judging":
            raise Refusal(409, f"plan {plan['id']} is not judged to its end: go on judging it first")
        if plan["hash"] != wanted.hash or (plan["status"] == "ready" and not await self.plans.still_bound(plan)):
            raise Refusal(409, f"plan {plan['id']} is not the one that was shown: its items do not have that hash; plan anew")
        after = await self.steps.advance(plan["id"], wanted.who)
        self.engine.inbox.wake()
        if after["status"] != plan["status"]:
            log.info("redrive", plan=plan["id"], status=after["status"], who=wanted.who, said=after["said"])
        return answer(await self._told(after, totals=False))

    async def _plan(self, request: web.Request) -> Row:
        number = int(request.match_info["plan"])
        plan = await self.plans.find(number) if number < 2**63 else None
        if plan is None:
            raise Refusal(404, f"{self.engine.service.name} has no plan {number}")
        return plan

    async def _told(self, plan: Row, totals: bool = True) -> Row:
        progress = await self.plans.progress(plan["id"])
        summed = await self.plans.totals(plan["id"]) if totals else []
        return {**plan, "service": self.engine.service.name, "progress": progress, "totals": summed}


def _item(row: Row) -> Row:
    plain = {name: held for name, held in row.items() if name not in ("digest", "emits", "calls", "reads")}
    return {**plain, **{name: json.loads(row[name]) for name in ("emits", "calls", "reads")}}
