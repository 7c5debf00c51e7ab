"""Turns a batch of items into one transaction's worth of rows. Pure: the clock, the states and the codec are given."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from shared.kernel.cause import Cause
from shared.kernel.ids import derive
from shared.runtime import redrive
from shared.runtime.book import Book, NotLoaded
from shared.runtime.burying import letter_of, origin_of, publication_of, record_of
from shared.runtime.closing import fences_of, wait_of
from shared.runtime.decision import Decision, Emit, Intent, Outcome, Service, WaitFor, dead_letter, shared_namespaces
from shared.runtime.records import kept, pack_origin, packed
from shared.runtime.work import Item
from shared.store.rows import Batch, EffectChange, JournalRow, KeptRecord, Publication, StateChange

LEAVE_WAITS = (Outcome.DUPLICATE, Outcome.SUPERSEDED)
_ENCODE = msgspec.json.Encoder(decimal_format="string").encode


class Encoding(Protocol):
    def encode(self, message: Any, topic: str) -> bytes: ...


@dataclass(slots=True)
class Draft:
    """`unread` not empty: states are missing, and the rest is void. `bugs` are decisions that raised."""

    batch: Batch = field(default_factory=Batch)
    unread: set[str] = field(default_factory=set)
    outcomes: list[tuple[Item, Outcome, Cause | None]] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)


class Deciding:
    """One pass over the items of one batch."""

    def __init__(self, service: Service, codec: Encoding, book: Book, now: datetime) -> None:
        self.service, self.codec, self.book, self.now = service, codec, book, now
        self.draft = Draft()
        self.waits: dict[str, tuple[Item, tuple[WaitFor, ...]]] = {}
        self.origins: dict[str, bytes] = {}
        self.bodies: dict[str, bytes] = {}
        self.shared = shared_namespaces(service)
        self._keeps_origins = service.on_woken is not None or service.on_answered is not None

    def run(self, items: Sequence[Item]) -> Draft:
        for item in items:
            try:
                self._decide(item)
            except NotLoaded as unread:
                self.draft.unread.add(unread.key)
        if not self.draft.unread:
            self._close(items)
        return self.draft

    def _decide(self, item: Item) -> None:
        if item.key is not None and item.record is not None and item.key in self.book.blocked:
            self.draft.batch.held.append(kept(item.record, item.key))
            self._note(item, Outcome.HELD, None, "behind a dead letter of this key")
            return
        if item.again is not None and self._is_put_off(item, item.again):
            return
        decision = self._decision(item)
        try:
            self._take(item, decision)
        except Exception as error:  # raised before anything was taken
            self.draft.bugs.append(traceback.format_exc())
            self._take(item, self._undecided(item, Cause("unencodable", f"{type(error).__name__}: {error}; nothing of this decision was kept")))

    def _is_put_off(self, item: Item, again: redrive.Again) -> bool:
        """What was set free stays held behind another dead letter; what was planned is left alone once the plan does not hold any more."""
        if again.held is not None and item.key in self.book.stopped:
            self.draft.batch.held_back.append((again.held, item.key or ""))
            self._note(item, Outcome.HELD, None, "behind another dead letter of this key")
            return True
        if again.letter is not None and (why := redrive.moved(again, self.book)):
            self._leave(item, again.letter, why)
            return True
        return False

    def _leave(self, item: Item, letter: redrive.Letter, why: str) -> None:
        self.draft.batch.retried.append(redrive.stays(item, letter, why))
        self._note(item, Outcome.HELD, None, why)

    def _decision(self, item: Item) -> Decision:
        if item.cause is not None or item.key is None:
            return self._undecided(item, item.cause or Cause("no-key", "the record has no key"))
        try:
            return item.decide(self.book.get(item.key), item.event, self.book, item.at or self.now)
        except NotLoaded:
            raise
        except Exception as error:
            self.draft.bugs.append(traceback.format_exc())
            return self._undecided(item, Cause("bug", f"{type(error).__name__}: {error}; the decider of this record failed, see the service's log"))

    def _undecided(self, item: Item, cause: Cause) -> Decision:
        """An answer or a wake-up of which nothing could be made is kept: it would not come a second time."""
        if item.inbox is not None and item.again is None:
            self.draft.batch.inbox_kept.append(item.inbox)
        return dead_letter(cause)

    def _take(self, item: Item, decision: Decision) -> None:
        batch = self.draft.batch
        publications = [self._publication(item, emit) for emit in decision.emits]  # encode first: what does not fit changes nothing
        effects = [self._effect(item, intent) for intent in decision.intents]
        letter = item.again.letter if item.again and decision.outcome is not Outcome.DEAD_LETTERED else None
        if letter is not None and (why := redrive.strayed(letter, effects)):
            self._leave(item, letter, why)
            return
        if item.key is not None and decision.state is not None:
            self.bodies[item.key] = _ENCODE(decision.state)
            self.book.put(item.key, decision.state)
        batch.publications += publications
        if effects or decision.supplies or decision.rows:
            batch.effects += effects
            batch.supplies += decision.supplies
            batch.rows += decision.rows
        if item.key is not None and decision.state is not None and decision.outcome not in LEAVE_WAITS:
            self.waits[item.key] = (item, decision.waits)
            self._keep_origin(item, item.key)
        if decision.outcome is Outcome.DEAD_LETTERED:
            self._bury(item, decision.cause or Cause("unnamed", "the decider named no cause"))
        if item.again is not None:
            self._took_again(item, item.again, decision)
        self._note(item, decision.outcome, decision.cause, decision.note)

    def _keep_origin(self, item: Item, key: str) -> None:
        """Calls that are refused later name the record that they follow from: one that led to nothing is not it."""
        if self._keeps_origins and (record := record_of(item)) is not None:
            self.origins[key] = pack_origin(record)

    def _took_again(self, item: Item, again: redrive.Again, decision: Decision) -> None:
        if again.held is not None:
            self.draft.batch.released.append(again.held)
        if again.letter is not None:
            self.draft.batch.retried.append(redrive.retried(item, again.letter, decision.outcome, decision.cause, decision.note))

    def _publication(self, item: Item, emit: Emit) -> Publication:
        headers = [("traceparent", item.trace.encode())] if item.trace else []
        state = item.key if item.key is not None and item.key[: item.key.find(":")] in self.shared else None
        return Publication(item.claim.lane, emit.topic, emit.key.encode(), self.codec.encode(emit.message, emit.topic), packed(headers), state)

    def _effect(self, item: Item, intent: Intent) -> EffectChange:
        content = _ENCODE(intent.content)
        key = item.key or ""
        identity = derive(self.service.name, key, intent.target, intent.step, content.decode())
        return EffectChange(identity, item.claim.lane, key, intent.step, intent.target, content, item.trace, item.behind)

    def _bury(self, item: Item, cause: Cause) -> None:
        record = record_of(item) or self._origin(item)
        if item.key is not None:
            self.book.blocked.add(item.key)
            self.book.stopped.add(item.key)
        self.draft.batch.dead_letters.append(letter_of(item, record, cause))
        if item.again is None or item.again.fingerprint != cause.fingerprint:  # else it lies in the topic already
            self.draft.batch.publications.append(publication_of(self.service.name, item, record, cause))

    def _origin(self, item: Item) -> KeptRecord:
        """The record that led to this."""
        key = item.key or ""
        return origin_of(item, self.origins.get(key) or self.book.rows[key].origin)

    def _note(self, item: Item, outcome: Outcome, cause: Cause | None, note: str) -> None:
        record = item.record or (item.again.record if item.again else None)
        offset = record.offset if record else None
        version = self.book.version(item.key) + 1 if item.key in self.book.changed and item.key is not None else None
        said = f"{cause.code}: {cause.message}" if cause else note
        kind = type(item.event).__name__.lower() if item.inbox is not None and item.event is not None else None
        claim, at = item.claim, item.at or self.now
        self.draft.batch.journal.append(JournalRow(claim.lane, claim.epoch, offset, item.inbox, item.key, version, outcome.value, said, at, kind))
        self.draft.outcomes.append((item, outcome, cause))
        if item.inbox is not None and item.inbox not in self.draft.batch.inbox_kept:
            self.draft.batch.inbox_done.append(item.inbox)

    def _close(self, items: Sequence[Item]) -> None:
        batch = self.draft.batch
        batch.fences, batch.believed = fences_of(items), self.book.believed
        batch.told = {p.state: self.book.rows[p.state].told for p in batch.publications if p.state}
        for key, body in self.bodies.items():
            waiting = bool(self.waits[key][1]) if key in self.waits else self.book.rows[key].waiting
            batch.states.append(StateChange(key, self.book.version(key) + 1, waiting, body, self.origins.get(key)))
        for key, (item, waits) in self.waits.items():
            if waits or self.book.rows[key].waiting:
                batch.rewaited.append(key)
                batch.waits += [wait_of(item, key, wait, self.book) for wait in waits]
