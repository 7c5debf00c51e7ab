"""Writes the rows of a batch of decisions in a handful of statements, in the transaction of the decisions."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from asyncpg.pool import PoolConnectionProxy

from services.visibility.adapters import statements as sql
from services.visibility.domain.status import Stage
from services.visibility.ports.rows import AgreementRow, BreachRow, EngagementRow, LetterRow, StatusRow, TransitionRow, WindowRow

R = TypeVar("R")
_AS_JSON = msgspec.json.Encoder(decimal_format="string").encode


async def project(connection: PoolConnectionProxy, rows: Sequence[object]) -> None:
    """Apply `rows`. Rows that were applied before, or are older than what is there, change nothing."""
    if not rows:
        return
    await _letters(connection, _of(rows, LetterRow))
    await _transitions(connection, _of(rows, TransitionRow))
    await _full_texts(connection, rows)
    await _statuses(connection, _of(rows, StatusRow))
    await _figures(connection, rows)
    await connection.execute(sql.BEAT)


def _of(rows: Iterable[object], kind: type[R]) -> list[R]:
    return [row for row in rows if isinstance(row, kind)]


async def _write(connection: PoolConnectionProxy, statement: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """One statement for all rows: each parameter is a column."""
    return await connection.fetch(statement, *(list(column) for column in zip(*rows, strict=True))) if rows else []


async def _statuses(connection: PoolConnectionProxy, rows: list[StatusRow]) -> None:
    newest = {row.status.contract_id: row for row in sorted(rows, key=lambda row: row.version)}
    ordered = [newest[contract_id] for contract_id in sorted(newest)]  # everyone takes row locks in this order, so nobody waits in a ring
    changed = {found["contract_id"] for found in await _write(connection, sql.STATUS, [_status_columns(row) for row in ordered])}
    current = [row for row in ordered if row.status.contract_id in changed]
    await _replace_waits(connection, current)
    await _settle_letters(connection, current)


def _status_columns(row: StatusRow) -> tuple[Any, ...]:
    status, facts, cause = row.status, row.status.facts, row.status.cause
    reached = [row.reached_at.get(stage) for stage in (Stage.APPROVED, Stage.VALIDATED, Stage.IN_ERP, Stage.ACTIVE, Stage.CLOSED)]
    described: tuple[Any, ...] = (None,) * 8
    if facts is not None:
        described = (
            facts.title,
            facts.contract_type,
            facts.parent_id,
            facts.business_unit,
            facts.region,
            facts.customer_account_id,
            facts.value.currency,
            facts.value.amount,
        )
    return (
        status.contract_id,
        row.version,
        status.revision,
        status.stage.value,
        status.condition.value,
        status.stage_since,
        status.received_at,
        *reached,
        *described,
        status.tenant,
        *((cause.code, cause.message, cause.fingerprint) if cause else (None, None, None)),
        _AS_JSON(status.records).decode(),
        " ".join(part for part in (status.contract_id, *described[:6]) if part).lower(),
    )


async def _replace_waits(connection: PoolConnectionProxy, rows: list[StatusRow]) -> None:
    waits = [(row.status, wait) for row in rows for wait in row.status.waits]
    pairs = [(status.contract_id, wait.key) for status, wait in waits]
    ids = [row.status.contract_id for row in rows]
    await connection.execute(sql.CLEAR_WAITS, ids, [contract_id for contract_id, _ in pairs], [key for _, key in pairs])
    columns = []
    for status, wait in waits:
        value = status.facts.value if status.facts else None
        money = (value.currency, value.amount) if value else (None, None)
        columns.append((status.contract_id, wait.key, wait.queue, wait.reason, wait.since, *money))
    await _write(connection, sql.WAIT, columns)


async def _settle_letters(connection: PoolConnectionProxy, rows: list[StatusRow]) -> None:
    """A dead letter stands as long as its contract's status says so."""
    columns = [
        (dead.service, dead.failed.topic, dead.failed.partition, dead.failed.offset, dead.failed.at, dead in row.standing)
        for row in rows
        for dead in row.buried
    ]
    await _write(connection, sql.SETTLE_LETTERS, columns)


async def _transitions(connection: PoolConnectionProxy, rows: list[TransitionRow]) -> None:
    columns = [
        (
            row.topic,
            row.partition,
            row.offset,
            row.contract_id,
            row.at,
            row.service,
            row.revision,
            row.status,
            row.summary,
            row.step,
            row.waits.decode(),
            *((row.cause.code, row.cause.message, row.cause.fingerprint) if row.cause else (None, None, None)),
            row.call.decode() if row.call else None,
            row.goes_back_to.decode() if row.goes_back_to else None,
        )
        for row in rows
    ]
    await _write(connection, sql.TRANSITION, columns)


async def _full_texts(connection: PoolConnectionProxy, rows: Sequence[object]) -> None:
    agreements = {row.contract_id: row for row in sorted(_of(rows, AgreementRow), key=lambda row: row.offset)}
    await _write(
        connection,
        sql.AGREEMENT,
        [(row.contract_id, row.offset, row.contract.decode(), row.lineage.decode()) for _, row in sorted(agreements.items())],
    )
    engagements = {row.contract_id: row for row in sorted(_of(rows, EngagementRow), key=lambda row: row.offset)}
    await _write(
        connection,
        sql.ENGAGEMENT,
        [(row.contract_id, row.offset, row.customer, row.legal_entity, row.engagement.decode()) for _, row in sorted(engagements.items())],
    )


async def _letters(connection: PoolConnectionProxy, rows: list[LetterRow]) -> None:
    columns = [
        (
            row.topic,
            row.partition,
            row.offset,
            row.key,
            row.contract_id,
            row.service,
            row.failed_topic,
            row.failed_partition,
            row.failed_offset,
            row.at,
            row.cause.code,
            row.cause.message,
            row.fingerprint,
            row.attempts,
            row.size,
        )
        for row in rows
    ]
    await _write(connection, sql.LETTER, columns)


async def _figures(connection: PoolConnectionProxy, rows: Sequence[object]) -> None:
    windows = {(w.window_start, w.window_end, w.business_unit, w.stage): w for w in sorted(_of(rows, WindowRow), key=lambda w: w.contracts)}
    await _write(
        connection,
        sql.WINDOW,
        [
            (*key, w.contracts, _AS_JSON({money.currency: money.amount for money in w.value}).decode())
            for key, w in sorted(windows.items(), key=lambda item: item[0])
        ],
    )
    breaches = {row.contract_id: row for row in sorted(_of(rows, BreachRow), key=lambda row: row.cleared)}
    await _write(
        connection,
        sql.BREACH,
        [
            (b.contract_id, b.stage, b.business_unit, b.since, b.at, b.limit_s, b.value.currency, b.value.amount, b.cleared)
            for _, b in sorted(breaches.items())
        ],
    )
