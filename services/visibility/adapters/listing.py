"""Lists and single stories: contracts, who waits, dead letters, windows."""

import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import asyncpg

from services.visibility.adapters import asking as sql
from services.visibility.adapters.sums import amounts, pace, waiting
from services.visibility.domain.pace import EVERY_UNIT
from services.visibility.policy import plain, supply_of
from services.visibility.ports import views
from services.visibility.ports.reading import NotFound, Wanted

Row = Any  # one row of an answer, by column name
STATES = {
    "in-approval": "c.stage = 'IN_APPROVAL'",
    "approved": "c.stage = 'APPROVED'",
    "validated": "c.stage = 'VALIDATED'",
    "in-erp": "c.stage = 'IN_ERP'",
    "active": "c.stage = 'ACTIVE'",
    "closed": "c.stage = 'CLOSED'",
    "flowing": "c.condition = 'FLOWING'",
    "waiting": "c.condition = 'WAITING'",
    "dead-lettered": "c.condition = 'DEAD_LETTERED'",
    "not-in-erp": sql.NOT_IN_ERP,
    "late": "exists (select from sla_breach b where b.contract_id = c.contract_id and not b.cleared)",
}
_QUEUED = "c.condition <> 'FLOWING' and c.contract_id in (select contract_id from open_wait where queue = {})"
_FOUND = "c.search like {}"


async def contracts(db: asyncpg.Pool, wanted: Wanted) -> views.ContractPage:
    """Newest first. Raises ValueError for a state or cursor that is none."""
    conditions, given = _conditions(wanted)
    statement = sql.LINES.format(conditions=" and ".join(conditions) or "true", limit=wanted.limit + 1)
    rows = await db.fetch(statement, *given)
    after = _cursor(rows[wanted.limit - 1], "received_at") if len(rows) > wanted.limit else None
    return views.ContractPage(contracts=[_line(row) for row in rows[: wanted.limit]], after=after)


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    given: list[Any] = []
    if wanted.state:
        if wanted.state not in STATES:
            raise ValueError(f"{wanted.state!r} is no state; choose one of {', '.join(STATES)}")
        conditions.append(STATES[wanted.state])
    if wanted.unit:
        given.append(wanted.unit)
        conditions.append(f"c.business_unit = ${len(given)}")
    if wanted.queue:
        given.append(wanted.queue)
        conditions.append(_QUEUED.format(f"${len(given)}"))
    if wanted.q:
        given.append(f"%{_literal(wanted.q.lower())}%")
        conditions.append(_FOUND.format(f"${len(given)}"))
    if wanted.after:
        given += _position(wanted.after)
        at, name = len(given) - 1, len(given)
        conditions.append(f"(c.received_at < ${at} or (c.received_at = ${at} and c.contract_id > ${name}))")
    return conditions, given


def _literal(text: str) -> str:
    """`text` for LIKE, its wildcards meant as they are."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _cursor(row: Row, column: str) -> str:
    return f"{row[column].isoformat()}~{row['contract_id']}"


def _position(cursor: str) -> tuple[datetime, str]:
    at, separator, name = cursor.partition("~")
    try:
        if separator:
            return datetime.fromisoformat(at), name
    except ValueError:
        pass
    raise ValueError("`after` is no cursor; take it from the page before")


def _line(row: Row) -> views.ContractLine:
    reason = row["cause_message"] if row["condition"] == "DEAD_LETTERED" else row["waits_for"]
    columns = ("contract_id", "title", "contract_type", "customer", "business_unit", "region", "tenant", "revision", "stage", "condition")
    return views.ContractLine(
        **{name: row[name] for name in columns}, stage_since=row["stage_since"], received_at=row["received_at"], reason=reason, **_money(row)
    )


def _money(row: Row) -> dict[str, Any]:
    if row["amount"] is None or row["currency"] is None:
        return {"amount": None, "currency": row["currency"]}
    return {"amount": plain(row["amount"], row["currency"]), "currency": row["currency"]}


async def contract(db: asyncpg.Pool, contract_id: str) -> views.ContractDetail:
    """Raises NotFound."""
    row = await db.fetchrow(sql.FULL, contract_id)
    if row is None:
        raise NotFound(f"no contract {contract_id!r} has been received")
    waits = [_own_wait(each) for each in await db.fetch(sql.OWN_WAITS, contract_id)]
    line = {**row, "waits_for": waits[0].reason if waits else None}
    return views.ContractDetail(
        line=_line(line),
        reached_at={name: row[f"{name}_at"] for name in ("received", "approved", "ready", "provisioned", "active", "closed") if row[f"{name}_at"]},
        cause=_cause(row),
        waits=waits,
        records=json.loads(row["records"]),
        contract=json.loads(row["contract"]) if row["contract"] else None,
        lineage=json.loads(row["lineage"]) if row["lineage"] else [],
        engagement=json.loads(row["engagement"]) if row["engagement"] else None,
        transitions=[_transition(each) for each in await db.fetch(sql.STORY, contract_id)],
        dead_letters=await letters(db, contract_id=contract_id),
        late=row["late"],
        under=[each["contract_id"] for each in await db.fetch(sql.UNDER, contract_id)],
    )


def _own_wait(row: Row) -> views.WaitLine:
    value = {row["currency"]: row["amount"]} if row["currency"] else {}
    return views.WaitLine(key=row["key"], queue=row["queue"], reason=row["reason"], contracts=1, since=row["since"], value_by_currency=amounts(value))


def _cause(row: Row) -> dict[str, str] | None:
    if row["cause_code"] is None:
        return None
    return {"code": row["cause_code"], "message": row["cause_message"], "fingerprint": row["cause_fingerprint"]}


def _transition(row: Row) -> views.Transition:
    columns = ("at", "service", "revision", "status", "summary", "step", "topic", "partition", "offset")
    return views.Transition(
        **{name: row[name] for name in columns},
        waits=json.loads(row["waits"]),
        cause=_cause(row),
        call=json.loads(row["call"]) if row["call"] else None,
        goes_back_to=json.loads(row["goes_back_to"]) if row["goes_back_to"] else None,
    )


async def wait(db: asyncpg.Pool, key: str, after: str | None, limit: int) -> views.WaitDetail:
    """Raises NotFound; ValueError for a cursor that is none."""
    lines = await waiting(db, key)
    if not lines:
        raise NotFound(f"nothing waits for {key!r} now")
    rows = await db.fetch(sql.WAITERS, key, *(_position(after) if after else (None, None)), limit + 1)
    columns = ("contract_id", "title", "customer", "business_unit", "stage", "since")
    return views.WaitDetail(
        wait=lines[0],
        supply=supply_of(key),
        waiters=[views.WaiterLine(**{name: row[name] for name in columns}, **_money(row)) for row in rows[:limit]],
        after=_cursor(rows[limit - 1], "since") if len(rows) > limit else None,
    )


async def causes(db: asyncpg.Pool) -> list[views.CauseLine]:
    """Dead letters by cause and service, those that failed last first."""
    values: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    for row in await db.fetch(sql.CAUSE_VALUES):
        values[row["fingerprint"], row["service"]][row["currency"]] = row["amount"]
    lines = await db.fetch(sql.CAUSES)
    return [views.CauseLine(**row, value_by_currency=amounts(values[row["fingerprint"], row["service"]])) for row in lines]


async def letters(db: asyncpg.Pool, fingerprint: str | None = None, contract_id: str | None = None, limit: int = 100) -> list[views.LetterLine]:
    return [views.LetterLine(**row) for row in await db.fetch(sql.LETTERS, fingerprint, contract_id, limit)]


async def letter(db: asyncpg.Pool, topic: str, partition: int, offset: int) -> views.LetterLine:
    """Raises NotFound."""
    row = await db.fetchrow(sql.LETTER, topic, partition, offset)
    if row is None:
        raise NotFound(f"no dead letter is known at {topic} partition {partition} offset {offset}")
    return views.LetterLine(**row)


def _window_value(row: Row) -> views.Amounts:
    return amounts({currency: Decimal(amount) for currency, amount in json.loads(row["value"]).items()})


async def kpis(db: asyncpg.Pool, unit: str | None, limit: int, limit_s: int) -> views.Kpis:
    windows = [views.Window(**{**row, "value": None}, value_by_currency=_window_value(row)) for row in await db.fetch(sql.WINDOWS, unit, limit)]
    breaches = await db.fetch(sql.BREACHES, None if unit == EVERY_UNIT else unit, limit)  # a window counts all units, a breach is of one
    late = [views.Late(**{**row, **_money(row)}) for row in breaches]
    return views.Kpis(windows=windows, late=late, pace=await pace(db, limit_s))
