"""The decider of one resource code: its dated entries are kept, and whoever waits for the key is woken."""

from datetime import datetime

from services.psa_sync.domain.mappings import CodeEntries, CodeEntry
from shared.kernel.cause import Cause
from shared.messages.source import SourceMapping
from shared.runtime.decision import Decision, Known, Outcome, applied, dead_letter, duplicate, superseded
from shared.runtime.events import Received


def on_mapping(state: CodeEntries | None, event: Received[SourceMapping], known: Known, now: datetime) -> Decision:
    """Entries of kinds that no PSA asks for are passed over."""
    told = event.message
    if not event.key.startswith("resource_code:"):
        return duplicate("not a mapping that a PSA asks for")
    if not told.values.get("code"):
        return dead_letter(Cause("mapping-incomplete", f"mapping '{event.key}' does not say its 'code'; send it with all of its values"))
    entry = CodeEntry(
        effective_from=told.effective_from,
        effective_to=told.effective_to,
        code=told.values["code"],
        stated_at=told.occurred_at,
        event_id=told.event_id,
    )
    entries = state or CodeEntries()
    standing = entries.standing(entry)
    if standing is not None and standing.event_id == entry.event_id:
        note = f"{told.key} was stated by event {told.event_id} before; it may hold in the PSA only now, so whoever waits tries again"
        return Decision(Outcome.DUPLICATE, entries, supplies=(event.key,), note=note)  # kept anew: whoever begins to wait meanwhile sees it
    if standing is not None and entry.stamp < standing.stamp:
        return superseded(f"{told.key} from {told.effective_from} was stated later, on {standing.stated_at.isoformat()}")
    return applied(entries.with_entry(entry), supplies=(event.key,), note=f"{told.key} is {entry.code} from {told.effective_from}")
