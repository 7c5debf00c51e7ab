"""The decider of one mapping key: its dated entries are kept, and whoever waits for the key is woken."""

from datetime import datetime

from services.erp_provisioning.domain.mappings import Entry, Mappings, with_entry
from shared.messages.source import SourceMapping
from shared.runtime.decision import Decision, Known, applied, duplicate
from shared.runtime.events import Received

OURS = ("legal_entity:", "erp_setup:")


def on_mapping(state: Mappings | None, event: Received[SourceMapping], known: Known, now: datetime) -> Decision:
    """Entries of kinds that no ERP asks for are passed over."""
    told = event.message
    if not event.key.startswith(OURS):
        return duplicate("not a mapping that an ERP asks for")
    before = state or Mappings(key=event.key)
    if any(entry.event_id == told.event_id for entry in before.entries):
        return duplicate("this entry was read before")
    entry = Entry(event_id=told.event_id, effective_from=told.effective_from, effective_to=told.effective_to, values=told.values)
    return applied(with_entry(before, entry), supplies=(event.key,))
