"""A service told a change of a contract: it becomes a step of the contract's story, and a new status where that changed."""

from datetime import datetime
from typing import TypeVar

import msgspec

from services.visibility.domain.status import (
    AGREED,
    IN_ERP,
    IN_PSA,
    VALIDATED,
    Report,
    Status,
    Tracked,
    reached_at,
    reported,
    standing_dead_letters,
    status_of,
)
from services.visibility.handlers.translate import Change, facts_of, report_of, status_message
from services.visibility.ports.rows import AgreementRow, EngagementRow, StatusRow, TransitionRow
from shared.kernel.ids import derive
from shared.messages.contract import ContractState
from shared.messages.engagement import EngagementReady
from shared.messages.provisioning import ErpProvisioning
from shared.messages.psa import PsaSync
from shared.runtime.decision import Decision, Emit, Known, applied, duplicate
from shared.runtime.events import Received

STATUS_TOPIC = "workflow.status.v1"
C = TypeVar("C", bound=Change)
_AS_JSON = msgspec.json.Encoder(decimal_format="string").encode


def on_contract_state(state: Tracked | None, event: Received[ContractState], known: Known, now: datetime) -> Decision:
    told = event.message
    report = report_of(AGREED, told, told.contract.status, event.origin, facts=facts_of(told))
    full = AgreementRow(contract_id=told.contract_id, offset=event.origin.offset, contract=_AS_JSON(told.contract), lineage=_AS_JSON(told.lineage))
    return _follow(state, report, event, now, full)


def on_engagement_ready(state: Tracked | None, event: Received[EngagementReady], known: Known, now: datetime) -> Decision:
    told, found = event.message, event.message.engagement
    report = report_of(VALIDATED, told, told.status, event.origin, tenant=found.tenant if found else None)
    if found is None:
        return _follow(state, report, event, now)
    added = EngagementRow(
        contract_id=told.contract_id,
        offset=event.origin.offset,
        customer=found.customer.name,
        legal_entity=found.legal_entity.name,
        engagement=_AS_JSON(found),
    )
    return _follow(state, report, event, now, added)


def on_erp_provisioning(state: Tracked | None, event: Received[ErpProvisioning], known: Known, now: datetime) -> Decision:
    told = event.message
    report = report_of(IN_ERP, told, told.status, event.origin, tenant=told.engagement.tenant, records=told.records)
    return _follow(state, report, event, now)


def on_psa_sync(state: Tracked | None, event: Received[PsaSync], known: Known, now: datetime) -> Decision:
    told = event.message
    report = report_of(IN_PSA, told, told.status, event.origin, tenant=told.engagement.tenant, records=told.records)
    return _follow(state, report, event, now)


def _follow(state: Tracked | None, report: Report, event: Received[C], now: datetime, *more: object) -> Decision:
    before = state or Tracked(contract_id=event.message.contract_id)
    after = reported(before, report)
    if after is None:
        return duplicate("this record, or a later one of its topic, is already in")
    return decided(before, after, now, _transition(report, event), *more)


def decided(before: Tracked, after: Tracked, now: datetime, *rows: object) -> Decision:
    """The rows, and a new status when what readers of the status see has changed."""
    status = status_of(after)
    if status is None:
        return applied(after, rows=rows)
    standing = standing_dead_letters(after)
    row = StatusRow(version=after.seen, status=status, reached_at=reached_at(after), buried=after.buried, standing=standing)
    emits = () if status == status_of(before) else _emits(status, after.seen, now)
    return applied(after, emits=emits, rows=(*rows, row))


def _emits(status: Status, version: int, now: datetime) -> tuple[Emit, ...]:
    """Nothing for a contract without facts: a status names its title, unit and value, and none of them is known."""
    if status.facts is None:
        return ()
    event_id = str(derive("workflow.status", status.contract_id, str(version)))
    return (Emit(STATUS_TOPIC, status.contract_id, status_message(status, status.facts, event_id, now)),)


def _transition(report: Report, event: Received[C]) -> TransitionRow:
    told = event.message
    call = told.call if isinstance(told, ErpProvisioning | PsaSync) else None
    return TransitionRow(
        topic=event.origin.topic,
        partition=event.origin.partition,
        offset=event.origin.offset,
        contract_id=told.contract_id,
        at=told.occurred_at,
        service=report.service,
        revision=told.revision,
        status=report.status,
        summary=told.summary,
        step=told.step if isinstance(told, ErpProvisioning | PsaSync) else None,
        waits=_AS_JSON(told.waits),
        cause=report.cause,
        call=_AS_JSON(call) if call else None,
        goes_back_to=_AS_JSON(told.origin) if told.origin else None,
    )
