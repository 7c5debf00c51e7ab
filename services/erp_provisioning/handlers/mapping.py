"""The decider of one mapping key: its dated entries are kept, and whoever waits for the key is woken."""

from datetime import datetime

from services.erp_provisioning.domain.mappings import Entry, Mappings, standing, with_entry
from shared.messages.source import SourceMapping
from shared.runtime.decision import Decision, Known, Outcome, applied, duplicate, superseded
from shared.runtime.events import Received

OURS = ("legal_entity:", "erp_setup:")


def on_mapping(state: Mappings | None, event: Received[SourceMapping], others: Known, now: datetime) -> Decision:
    """Entries of kinds that no ERP asks for are passed over."""
    told = event.message
    if not event.key.startswith(OURS):
        return duplicate("not a mapping that an ERP asks for")
    before = state or Mappings(key=event.key)
    entry = _entry(told)
    known = standing(before, entry)
    if known is not None and known.event_id == entry.event_id:
        note = "stated before; it may hold in the ERP only now, so whoever waits tries again"
        return Decision(Outcome.DUPLICATE, before, supplies=(event.key,), note=note)  # kept anew: whoever begins to wait meanwhile sees it
    if known is not None and entry.stamp < known.stamp:
        return superseded(f"{told.key} from {told.effective_from} was stated later, on {known.stated_at.isoformat()}")
    return applied(with_entry(before, entry), supplies=(event.key,))


def _entry(told: SourceMapping) -> Entry:
    return Entry(
        event_id=told.event_id,
        effective_from=told.effective_from,
        effective_to=told.effective_to,
        values=told.values,
        stated_at=told.occurred_at,
    )
