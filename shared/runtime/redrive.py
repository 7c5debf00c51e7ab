"""Records that are decided on once more: a dead letter that a plan re-drives, and what was held behind one. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shared.kernel.cause import Cause
from shared.runtime.book import Book
from shared.runtime.decision import Outcome
from shared.runtime.lanes import OwnedLane
from shared.runtime.records import Record, unpacked
from shared.store.rows import EffectChange, KeptRecord, RetriedLetter


class KeptBody(msgspec.Struct, frozen=True):
    """A record as it lies in the inbox; bytes are base64."""

    topic: str
    part: int
    offset: int
    headers: bytes
    key: str | None = None
    record_key: bytes | None = None
    value: bytes | None = None


class Letter(msgspec.Struct, frozen=True):
    """Item `n` of a plan. `reads` are the versions of the states it was judged by, `calls` the identities of the calls it was seen to make."""

    plan: int
    n: int
    id: int
    fingerprint: str
    attempts: int
    reads: Mapping[str, int]
    calls: Sequence[str]


class Again(msgspec.Struct, frozen=True):
    """`letter` of a plan, or the `held` record of that number which its dead letter set free."""

    record: KeptBody
    letter: Letter | None = None
    held: int | None = None

    @property
    def fingerprint(self) -> str | None:
        """Of the cause that is known already, and need not be told again."""
        return self.letter.fingerprint if self.letter else None

    @property
    def attempts(self) -> int:
        return self.letter.attempts if self.letter else 0

    @property
    def reads(self) -> Mapping[str, int]:
        return self.letter.reads if self.letter else {}

    def as_record(self, claim: OwnedLane) -> Record:
        r = self.record
        return Record(claim, r.offset, r.record_key, r.value, unpacked(r.headers))

    def as_kept(self, key: str | None) -> KeptRecord:
        r = self.record
        return KeptRecord((r.topic, r.part), r.offset, key, r.record_key, r.value, r.headers)


def again_of(body: bytes) -> Again:
    """Raises ValueError for a body that another version wrote."""
    return msgspec.json.decode(body, type=Again)


def moved(again: Again, book: Book) -> str | None:
    """Why the plan does not hold any more: a state it was judged by has changed since. The keys of `reads` are loaded."""
    changed = next((key for key, version in again.reads.items() if key in book.changed or book.version(key) != version), None)
    return f"the state of {changed} has changed since the plan was made; plan anew" if changed else None


def strayed(letter: Letter, effects: Sequence[EffectChange]) -> str | None:
    """Why the decision is not the planned one: it would make other calls."""
    if [str(effect.id) for effect in effects] == list(letter.calls):
        return None
    return "the decision would make other calls than the plan shows; plan anew"


def stays(item: Any, letter: Letter, why: str) -> RetriedLetter:
    """Nothing was done: the letter stands as before."""
    return RetriedLetter(letter.plan, letter.n, letter.id, item.claim.lane, item.key or "", "moved", "not decided", why, None)


def retried(item: Any, letter: Letter, outcome: Outcome, cause: Cause | None, note: str) -> RetriedLetter:
    """What became of it: resolved, standing for the same cause, or buried anew for another."""
    status, resolution, detail = "decided", str(outcome.value), note
    if outcome is Outcome.DEAD_LETTERED and cause is not None:
        same = cause.fingerprint == letter.fingerprint
        status, resolution = ("failed_same", "") if same else ("failed_new", "failed again for another cause")
        detail = f"{cause.code}: {cause.message}"
    return RetriedLetter(letter.plan, letter.n, letter.id, item.claim.lane, item.key or "", status, outcome.value, detail, resolution or None)
