"""How many contracts got how far, what they are worth, and what stops the rest: the summary and the report of a run."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from services.visibility.adapters import asking as sql
from services.visibility.policy import plain, share_stopped
from services.visibility.ports import views

FLOW = (
    ("Approved", "approved", "approved_at"),
    ("Validated", "ready", "ready_at"),
    ("In ERP", "provisioned", "provisioned_at"),
    ("Active", "active", "active_at"),
)
BUCKETS = 24
Row = Any  # one row of an answer, by column name
Totals = dict[str, dict[str, Decimal]]


def counted(rows: Iterable[Row]) -> tuple[views.Counts, Totals]:
    """Counts, and sums by name and currency, of the rows of SUMS."""
    counts: dict[str, int] = defaultdict(int)
    totals: Totals = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        for name in ("received", "approved", "ready", "provisioned", "active"):
            _add(counts, totals, name, row[name], row["currency"], row[f"{name}_value"])
        counts["not_in_erp"] += row["not_in_erp"]
        for name, now in (("closed", row["stage"]), ("waiting", row["condition"]), ("dead_lettered", row["condition"])):
            if now == name.upper():
                _add(counts, totals, name, row["received"], row["currency"], row["received_value"])
    return views.Counts(**counts), totals


def _add(counts: dict[str, int], totals: Totals, name: str, number: int, currency: str | None, amount: Decimal | None) -> None:
    counts[name] += number
    if currency is not None and amount is not None and number:
        totals[name][currency] += amount


def amounts(total: Mapping[str, Decimal]) -> views.Amounts:
    return {currency: plain(total[currency], currency) for currency in sorted(total)}


def valued(totals: Totals) -> views.Values:
    return views.Values(**{name: amounts(total) for name, total in totals.items()})


async def report(db: asyncpg.Pool) -> views.Report:
    """The outcome so far."""
    counts, totals = counted(await db.fetch(sql.SUMS))
    waits = {line.key: _wait_sum(line) for line in await waiting(db)}
    rows = await db.fetch(sql.UNPROVISIONED)
    return views.Report(
        contracts=counts,
        value_by_currency=valued(totals),
        waits=waits,
        duration_s=round(await db.fetchval(sql.DURATION), 3),
        not_provisioned=[views.NotProvisioned(contract_id=r["contract_id"], condition=r["condition"], reason=_reason(r)) for r in rows],
    )


def _wait_sum(line: views.WaitLine) -> views.WaitSum:
    return views.WaitSum(count=line.contracts, queue=line.queue, since=line.since, value_by_currency=line.value_by_currency)


def _reason(row: Row) -> str:
    """Why a contract is not in its ERP: what buried it, what it waits for, or that it is still on its way."""
    if row["condition"] == "WAITING":
        return str(row["waits_for"] or row["cause_message"])
    if row["stage"] == "CLOSED":
        return "cancelled before it was set up"
    return str(row["cause_message"] or f"on its way, {row['stage'].lower().replace('_', ' ')} so far")


async def waiting(db: asyncpg.Pool, key: str | None = None) -> list[views.WaitLine]:
    """Missing keys, the longest missing first, with everything that waits for each."""
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in await db.fetch(sql.WAITS, key):
        by_key[row["key"]].append(row)
    return [_wait_line(key, rows) for key, rows in by_key.items()]


def _wait_line(key: str, rows: list[Any]) -> views.WaitLine:
    return views.WaitLine(
        key=key,
        queue=rows[0]["queue"],
        reason=rows[0]["reason"],
        contracts=sum(row["contracts"] for row in rows),
        since=min(row["since"] for row in rows),
        value_by_currency=amounts({row["currency"]: row["amount"] for row in rows if row["currency"] is not None}),
    )


async def summary(db: asyncpg.Pool, limit_s: int) -> views.Summary:
    """Everything on the first page, as of one moment."""
    counts, totals = counted(await db.fetch(sql.SUMS))
    [span] = await db.fetch(sql.SPAN)
    return views.Summary(
        as_of=datetime.now(UTC),
        changed_at=await db.fetchval(sql.BEATS, column=1),
        since=span["since"],
        contracts=counts,
        value_by_currency=valued(totals),
        flow=[await _step(db, name, column, getattr(counts, field), totals[field], span) for name, field, column in FLOW],
        stopped=await _stopped(db, totals["received"]),
        pace=await pace(db, limit_s),
    )


async def _step(db: asyncpg.Pool, name: str, column: str, number: int, total: Mapping[str, Decimal], span: Row) -> views.Step:
    series = [0] * BUCKETS
    if span["since"] is not None:
        width = max((span["until"] - span["since"]) / BUCKETS, timedelta(milliseconds=1))
        for row in await db.fetch(sql.ARRIVALS.format(column=column), span["since"], span["until"], width):
            series[min(int((row["begin"] - span["since"]) / width), BUCKETS - 1)] += row["n"]
    return views.Step(name=name, contracts=number, value_by_currency=amounts(total), series=series)


async def pace(db: asyncpg.Pool, limit_s: int) -> views.Pace:
    found = await db.fetchval(sql.PACE)
    median, p99 = (each.total_seconds() for each in found) if found else (None, None)
    return views.Pace(median_s=median, p99_s=p99, late=await db.fetchval(sql.LATE), limit_s=limit_s)


async def _stopped(db: asyncpg.Pool, total: Mapping[str, Decimal]) -> list[views.Stopped]:
    """What stops contracts now, the costliest first; causes that only list a record stand at the end."""
    causes: dict[str, list[Row]] = defaultdict(list)
    for row in await db.fetch(sql.STOPPED):
        causes[row["fingerprint"] or "unknown"].append(row)
    found = [_stopped_by_wait(line, total) for line in await waiting(db)]
    found += [_stopped_by_letter(name, rows, total) for name, rows in causes.items()]
    return sorted(found, key=lambda each: (-each.share, -each.contracts, each.since))


def _stopped_by_wait(line: views.WaitLine, total: Mapping[str, Decimal]) -> views.Stopped:
    held = {currency: Decimal(amount) for currency, amount in line.value_by_currency.items()}
    return views.Stopped(
        kind="wait",
        name=line.key,
        reason=line.reason,
        contracts=line.contracts,
        value_by_currency=line.value_by_currency,
        since=line.since,
        queue=line.queue,
        share=share_stopped(held, total),
    )


def _stopped_by_letter(fingerprint: str, rows: list[Row], total: Mapping[str, Decimal]) -> views.Stopped:
    held = {row["currency"]: row["amount"] for row in rows if row["currency"] is not None}
    return views.Stopped(
        kind="dead_letter",
        name=fingerprint,
        reason=rows[0]["message"] or "its cause is not known",
        contracts=sum(row["contracts"] for row in rows),
        value_by_currency=amounts(held),
        since=min(row["since"] for row in rows),
        queue=None,
        share=share_stopped(held, total),
    )
