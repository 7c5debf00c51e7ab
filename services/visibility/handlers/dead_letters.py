"""A record was buried: it is listed, and stops its contract's status until its service has gone past it."""

from datetime import datetime

from services.visibility.domain.status import SERVICES, Buried, Point, Tracked, bury
from services.visibility.handlers.changes import decided
from services.visibility.ports.rows import LetterRow
from shared.kernel.cause import Cause
from shared.runtime.decision import Decision, Known, applied
from shared.runtime.events import RawRecord, Received
from shared.wire.headers import Burial, burial_of

CONTRACT_TOPICS = frozenset({"source.clm.contract.v1", "contract.state.v1", "engagement.ready.v1", "erp.provisioning.v1", "psa.sync.v1"})


def on_dead_letter(state: Tracked | None, event: Received[RawRecord], known: Known, now: datetime) -> Decision:
    """Counts against the contract when the failed record was one of a contract; otherwise it is only listed."""
    letter = _letter(event, now)
    if letter.contract_id is None:
        return applied(None, rows=(letter,))
    before = state or Tracked(contract_id=letter.contract_id)
    failed = Point(topic=letter.failed_topic, partition=letter.failed_partition, offset=letter.failed_offset, at=letter.at)
    after = bury(before, Buried(service=letter.service, failed=failed, cause=letter.cause))
    return applied(None, rows=(letter,)) if after is None else decided(before, after, now, letter)


def on_own_dead_letter(state: object, event: Received[RawRecord], known: Known, now: datetime) -> Decision:
    """A record that visibility itself could not take stops our sight of the contract, not the contract: it is only listed."""
    return applied(None, rows=(_letter(event, now),))


def _letter(event: Received[RawRecord], now: datetime) -> LetterRow:
    """A letter without our headers, or another's that we read, is listed by where it lies."""
    burial = burial_of(event.message.headers.items()) or Burial()
    cause = Cause(burial.cause or "unknown", burial.message or "its headers do not say why it was buried; look at the record itself")
    topic = burial.topic or event.origin.topic
    return LetterRow(
        topic=event.origin.topic,
        partition=event.origin.partition,
        offset=event.origin.offset,
        key=event.key,
        contract_id=event.key if event.key and topic in CONTRACT_TOPICS else None,
        service=burial.group if burial.group in SERVICES else event.origin.topic.partition(".")[0],
        failed_topic=topic,
        failed_partition=event.origin.partition if burial.partition is None else burial.partition,
        failed_offset=event.origin.offset if burial.offset is None else burial.offset,
        at=now,
        cause=cause,
        fingerprint=burial.fingerprint or cause.fingerprint,
        attempts=burial.attempts or burial.deliveries or 1,
        size=len(event.message.value),
    )
