"""Rows that a decision hands to the projection. Each carries what orders it, so that applying one twice or late changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.visibility.domain.status import Buried, Stage, Status
from shared.kernel.cause import Cause
from shared.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """Where a contract is. `version` grows with every record folded in; `standing` are the dead letters that are not gone past."""

    version: int
    status: Status
    reached_at: Mapping[Stage, datetime]
    buried: tuple[Buried, ...] = ()
    standing: tuple[Buried, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRow:
    """One state change as a service told it. `waits`, `call` and `goes_back_to` are JSON; topic, partition and offset are its identity."""

    topic: str
    partition: int
    offset: int
    contract_id: str
    at: datetime
    service: str
    revision: int
    status: str
    summary: str
    step: str | None
    waits: bytes
    cause: Cause | None
    call: bytes | None
    goes_back_to: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRow:
    """A contract's full text as of one record: `contract`, `lineage` and the names of what `changed`, as JSON."""

    contract_id: str
    offset: int
    contract: bytes
    lineage: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementRow:
    """What master data added to a contract, as JSON."""

    contract_id: str
    offset: int
    customer: str
    legal_entity: str
    engagement: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterRow:
    """A dead letter without its payload. `contract_id` is None where the failed record was not a contract's."""

    topic: str
    partition: int
    offset: int
    key: str
    contract_id: str | None
    service: str
    failed_topic: str
    failed_partition: int
    failed_offset: int
    at: datetime
    cause: Cause
    fingerprint: str
    attempts: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """Contracts of a business unit that reached a stage within a window. A window only grows."""

    window_start: datetime
    window_end: datetime
    business_unit: str
    stage: str
    contracts: int
    value: tuple[Money, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachRow:
    """A contract that took longer than agreed; `cleared` once it became active after all."""

    contract_id: str
    stage: str
    business_unit: str
    since: datetime
    at: datetime
    limit_s: int
    value: Money
    cleared: bool
