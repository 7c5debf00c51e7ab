"""From the words of messages to those of the domain, and back."""

from datetime import datetime

from services.visibility.domain.status import REFUSED, SUCCESS, External, Facts, Point, Report, Status, Wait
from shared.kernel.cause import Cause
from shared.kernel.money import Money
from shared.messages import common, workflow
from shared.messages.contract import ContractState, ContractType
from shared.messages.engagement import EngagementReady
from shared.messages.provisioning import ErpProvisioning
from shared.messages.psa import PsaSync
from shared.runtime.events import Coordinates

Change = ContractState | EngagementReady | ErpProvisioning | PsaSync


def report_of(
    service: str,
    told: Change,
    status: str,
    place: Coordinates,
    *,
    tenant: str | None = None,
    records: tuple[common.ExternalRecord, ...] = (),
    facts: Facts | None = None,
) -> Report:
    """What `service` told, as its part of the contract's status."""
    origin = told.origin if status != REFUSED else None  # a rejection gets past nothing
    reached = (Point(topic=origin.topic, partition=origin.partition, offset=origin.offset, at=told.occurred_at),) if origin else ()
    return Report(
        service=service,
        position=place.offset,
        revision=told.revision,
        status=str(status),
        at=told.occurred_at,
        waits=tuple(Wait(key=w.key, queue=w.queue, reason=w.reason, since=w.since) for w in told.waits),
        cause=Cause(told.cause.code, told.cause.message) if told.cause else None,
        records=tuple(_external(record) for record in records),
        tenant=tenant,
        facts=facts,
        succeeded_at=told.occurred_at if status == SUCCESS[service] else None,
        reached=reached,
    )


def facts_of(told: ContractState) -> Facts:
    contract = told.contract
    return Facts(
        title=contract.title,
        contract_type=str(contract.contract_type),
        parent_id=contract.parent_id,
        business_unit=contract.business_unit,
        region=contract.region,
        customer_account_id=contract.customer_account_id,
        value=Money(contract.total_value.amount, contract.total_value.currency),
        received_at=min((revision.recorded_at for revision in told.lineage), default=told.occurred_at),
    )


def status_message(status: Status, facts: Facts, event_id: str, occurred_at: datetime) -> workflow.WorkflowStatus:
    return workflow.WorkflowStatus(
        event_id=event_id,
        occurred_at=occurred_at,
        contract_id=status.contract_id,
        revision=status.revision,
        stage=workflow.Stage(status.stage),
        condition=workflow.Condition(status.condition),
        stage_since=status.stage_since,
        received_at=status.received_at,
        active_at=status.active_at,
        title=facts.title,
        contract_type=ContractType(facts.contract_type),
        business_unit=facts.business_unit,
        region=facts.region,
        customer_account_id=facts.customer_account_id,
        tenant=status.tenant,
        value=common.Money(amount=facts.value.amount, currency=facts.value.currency),
        waits=tuple(common.Wait(key=w.key, queue=w.queue, reason=w.reason, since=w.since) for w in status.waits),
        cause=_cause_message(status.cause),
        records=tuple(_record_message(record) for record in status.records),
    )


def _external(record: common.ExternalRecord) -> External:
    return External(
        step=record.step,
        target=record.target,
        record_type=record.record_type,
        external_id=record.external_id,
        internal_id=record.internal_id,
        content_hash=record.content_hash,
    )


def _record_message(record: External) -> common.ExternalRecord:
    return common.ExternalRecord(
        step=record.step,
        target=record.target,
        record_type=record.record_type,
        external_id=record.external_id,
        internal_id=record.internal_id,
        content_hash=record.content_hash,
    )


def _cause_message(cause: Cause | None) -> common.Cause | None:
    return common.Cause(code=cause.code, message=cause.message, fingerprint=cause.fingerprint) if cause else None
