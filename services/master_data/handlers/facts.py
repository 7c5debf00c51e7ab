"""Accounts and mappings in: the latest statement is kept, and whoever waits for its key is woken."""

from datetime import datetime

from services.master_data.domain.facts import Entries, Entry, KnownAccount
from services.master_data.policy import REQUIRED_VALUES
from shared.kernel.cause import Cause
from shared.kernel.engagement import Account
from shared.messages.reshape import reshape
from shared.messages.source import SourceAccount, SourceMapping
from shared.runtime.decision import Decision, Known, applied, dead_letter, duplicate, superseded
from shared.runtime.events import Received


def on_account(state: KnownAccount | None, event: Received[SourceAccount], known: Known, now: datetime) -> Decision:
    """Keep what the CRM stated last."""
    told = event.message
    if told.account_id != event.key:
        return dead_letter(_keyed_wrongly(event.key, told.account_id))
    fresh = KnownAccount(account=reshape(told, Account), stated_at=told.occurred_at, event_id=told.event_id)
    if state is not None and fresh.event_id == state.event_id:
        return duplicate(f"account {told.account_id} was stated by event {told.event_id} before")
    if state is not None and fresh.stamp < state.stamp:
        return superseded(f"account {told.account_id} was stated later, on {state.stated_at.isoformat()}")
    return applied(fresh, supplies=(f"account:{told.account_id}",), note=f"account {told.account_id} is {told.name}")


def on_mapping(state: Entries | None, event: Received[SourceMapping], known: Known, now: datetime) -> Decision:
    """Keep the dated entry. Contracts that are ready already stay as they are; a new revision of them takes the new entry."""
    told = event.message
    if event.key.partition(":")[0] not in REQUIRED_VALUES:
        return duplicate("not a mapping that master data asks for")
    if cause := _unsound(event.key, told):
        return dead_letter(cause)
    entries, entry = state or Entries(), _entry(told)
    standing = entries.standing(entry)
    if standing is not None and standing.event_id == entry.event_id:
        return duplicate(f"{told.key} was stated by event {told.event_id} before")
    if standing is not None and entry.stamp < standing.stamp:
        return superseded(f"{told.key} from {told.effective_from} was stated later, on {standing.stated_at.isoformat()}")
    return applied(entries.with_entry(entry), supplies=(told.key,), note=f"{told.key} from {told.effective_from}, by {told.actor}")


def _entry(told: SourceMapping) -> Entry:
    return Entry(
        effective_from=told.effective_from,
        effective_to=told.effective_to,
        values=told.values,
        stated_at=told.occurred_at,
        event_id=told.event_id,
    )


def _unsound(key: str, told: SourceMapping) -> Cause | None:
    """Why the entry cannot be used, None when it can."""
    if told.key != key:
        return _keyed_wrongly(key, told.key)
    kind = told.kind.value.lower()
    if not key.startswith(f"{kind}:"):
        return Cause("mapping-kind-mismatch", f"mapping '{key}' says it is a {kind}; its key has to begin with {kind}:")
    if told.effective_to is not None and told.effective_to < told.effective_from:
        period = f"from '{told.effective_from}' to '{told.effective_to}'"
        return Cause("end-before-start", f"mapping '{key}' holds {period}; send it with a last day that is not before the first")
    missing = [name for name in REQUIRED_VALUES[kind] if not told.values.get(name)]
    return Cause("mapping-incomplete", f"mapping '{key}' does not say '{', '.join(missing)}'; send it with all of its values") if missing else None


def _keyed_wrongly(key: str, named: str) -> Cause:
    message = f"the record's key is '{key}' and it speaks of '{named}'; key every record by what it speaks of, or their order is lost"
    return Cause("key-mismatch", message)
