"""What must hold at rest, whatever happened. Read from the journals of broker, database and ERP; nothing of the runtime is asked."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

import msgspec

from shared.store.rows import Lane
from tests.simulation import service as simulated
from tests.simulation.broker import Broker, Entry, visible
from tests.simulation.database import Database
from tests.simulation.erp import Erp, external_id_of
from tests.simulation.service import KILLER, Account, Said, Told

ENDS = {"applied", "waiting", "duplicate", "superseded", "dead_lettered", "held"}


@dataclass(frozen=True, slots=True)
class Evidence:
    broker: Broker
    database: Database
    erp: Erp
    halted: list[str]
    crashes: int


@dataclass(frozen=True, slots=True)
class _Call:
    """`at`: its intent was committed; `asked`: each time that it left."""

    identity: UUID
    at: float
    asked: list[float]


def violations(e: Evidence) -> list[str]:
    return [f"{check.__name__}: {problem}" for check in CHECKS for problem in check(e)]


def every_input_once(e: Evidence) -> list[str]:
    """I1: every record of both sources has one outcome, and nothing else has one."""
    told = {(lane, at) for lane, log in e.broker.logs.items() if lane[0] in simulated.INPUTS for at in range(len(log))}
    ends = Counter((j.lane, j.offset) for c in e.database.history for j in c.batch.journal if j.offset is not None)
    problems = [f"{where} has no outcome" for where in sorted(told - ends.keys())]
    problems += [f"{where} has {count} outcomes" for where, count in ends.items() if count != 1 or where not in told]
    return problems + [f"{j.outcome} is no outcome" for c in e.database.history for j in c.batch.journal if j.outcome not in ENDS]


def fences_chain(e: Evidence) -> list[str]:
    """I2: each commit of a lane begins where the one before ended, and is its owner's."""
    problems, last = [], dict[Lane, int]()
    for c in e.database.history:
        for f in c.batch.fences:
            at = last.get(f.lane, 0)
            if f.old != at or f.epoch != c.owners[f.lane] or f.new < f.old:
                problems.append(f"{f} follows {at}, the lane's epoch is {c.owners[f.lane]}")
            last[f.lane] = f.new
    return problems


def outcomes_follow_the_log(e: Evidence) -> list[str]:
    """Each key's outcomes are those of its records taken one by one in the order of the log."""
    ends = {(j.lane, j.offset): j.outcome for c in e.database.history for j in c.batch.journal if j.offset is not None}
    refused = {d.record.key for d in e.database.dead if d.code not in ("bad", "bug", "poison") or "ended the process" in d.message}
    problems = []
    for key, records in _by_key(e).items():
        seen, revision, dead = set[str](), 0, False
        for where, entry in records:
            expected, told = _expected(entry, seen, revision, dead)
            found = ends.get(where)
            if f"account:{key}" not in refused and found not in expected:
                problems.append(f"{where} of {key} is {found}, not {expected}")
            dead = dead or "dead_lettered" in expected
            if told and expected & {"applied", "superseded"}:
                seen.add(told.event_id)
                revision = max(revision, told.revision)
    return problems


def _expected(entry: Entry, seen: set[str], revision: int, dead: bool) -> tuple[set[str], Told | None]:
    told = None if (entry.value or b"").startswith(b"\x00") else msgspec.json.decode(entry.value or b"", type=Told)
    if dead:
        return {"held"}, told
    if told is None:
        return {"dead_lettered"}, told
    if told.event_id in seen:
        return {"duplicate"}, told
    if told.kind in ("bad", "bug"):
        return {"dead_lettered"}, told
    return ({"superseded"} if told.revision < revision else {"applied", "waiting"}), told


def lanes_are_dense(e: Evidence) -> list[str]:
    """I5: what readers of committed records see of each lane is 1..head, once each."""
    seen: dict[str, list[int]] = {}
    for _, entry in _published(e):
        headers = dict(entry.headers)
        seen.setdefault(headers["throughline-lane"].decode(), []).append(int(headers["throughline-seq"]))
    problems = []
    for lane, row in e.database.lanes.items():
        numbers = seen.get(f"{lane[0]}/{lane[1]}", [])
        if sorted(numbers) != list(range(1, row.head + 1)):
            problems.append(f"{lane} shows {sorted(numbers)}, its head is {row.head}")
    return problems


def output_is_what_was_decided(e: Evidence) -> list[str]:
    """I3: the bytes under each number are those committed under it; each key's are in order."""
    decided = {(lane, r.seq): (r.target, r.key, r.value) for c in e.database.history for lane, rows in c.numbered.items() for r in rows}
    problems, numbers = [], dict[bytes, list[int]]()
    for (topic, _), entry in _published(e):
        headers = dict(entry.headers)
        name, _, part = headers["throughline-lane"].decode().rpartition("/")
        if decided.get(((name, int(part)), int(headers["throughline-seq"]))) != (topic, entry.key, entry.value):
            problems.append(f"{headers} carries what nobody decided")
        if topic == simulated.OUTPUT and entry.key is not None:
            numbers.setdefault(entry.key, []).append(msgspec.json.decode(entry.value or b"", type=Said).number)
    return problems + [f"{key!r} is told {n}" for key, n in numbers.items() if n != list(range(1, len(n) + 1))]


def nothing_halted(e: Evidence) -> list[str]:
    """I6: a lane halts only when the log and the database contradict each other; here they never do."""
    return e.halted


def effects_once(e: Evidence) -> list[str]:
    """I7 and I9: at most one object an intent, exactly one with its content behind a success, none behind a failure."""
    made: dict[str, list[object]] = {}
    for m in e.erp.made:
        made.setdefault(m.external_id, []).append(m.content)
    problems = [f"{external_id} was made {len(objects)} times" for external_id, objects in made.items() if len(objects) > 1]
    for row in e.database.effects.values():
        content = msgspec.json.decode(row.change.content)
        objects = made.get(external_id_of(content), [])
        if row.status == "done" and content not in objects:
            problems.append(f"{content} is done, but {objects} is there")
        if row.status == "rejected" and objects:
            problems.append(f"{content} is taken for failed, but it is there")
    problems += [f"{j.key} was answered twice" for c in e.database.history for j in c.batch.journal if j.note == "answered twice"]
    contents = [msgspec.json.decode(row.change.content) for row in e.database.effects.values()]
    intended = {external_id_of(content) for content in contents}
    return problems + [f"{name} was never intended" for name in made if name not in intended]


def effects_in_order(e: Evidence) -> list[str]:
    """I8: an account's next object is asked for only when the one before has ended, and the one before not any more."""
    ended: dict[UUID, float] = {}
    for identity, at in e.database.ended:
        ended.setdefault(identity, at)
    problems = []
    for key, calls in _calls(e).items():
        problems += [f"{key} is called before its intent was committed" for call in calls if min(call.asked, default=call.at) < call.at]
        for one, other in pairwise(calls):
            first = min(other.asked, default=math.inf)
            if first < ended.get(one.identity, math.inf) and other.asked:
                problems.append(f"{key} is called at {first:.3f}, and the call before has not ended")
            if max(one.asked, default=0.0) > first:
                problems.append(f"{key} is called out of order: once more at {max(one.asked):.3f}, behind the next at {first:.3f}")
    return problems


def _calls(e: Evidence) -> dict[str, list[_Call]]:
    """By key, in the order of their commits. The same once more: what was asked for before belongs to the first."""
    asked: dict[str, list[float]] = {}
    for at, external_id, what in e.erp.calls:
        if what == "ask":
            asked.setdefault(external_id, []).append(at)
    found, known = dict[str, list[_Call]](), set[UUID]()
    for c in e.database.history:
        for intent in c.batch.effects:
            if intent.id not in known:
                known.add(intent.id)
                sent = asked.get(external_id_of(msgspec.json.decode(intent.content)), [])
                found.setdefault(intent.key, []).append(_Call(intent.id, c.at, sent))
    return found


def nothing_left(e: Evidence) -> list[str]:
    """I10: nothing is under way any more."""
    db = e.database
    problems = [f"inbox row {row}" for row, _ in db.inbox.values()]
    problems += [f"unpublished {lane} {sorted(rows)}" for lane, rows in db.outbox.items() if rows]
    problems += [f"open call {row.change.key} {row.status}" for row in db.effects.values() if row.status not in ("done", "rejected")]
    return problems + [f"open transaction of {name}" for name in e.broker.open]


def waits_are_honest(e: Evidence) -> list[str]:
    """Nobody sleeps whose key is there (no lost wake-up), nobody was woken for nothing, and who waits is in the list."""
    db = e.database
    problems = [f"{key} still waits for {wait_key}, which is there" for key, wait_key in db.waits if wait_key in db.states]
    for key, row in db.states.items():
        state = msgspec.json.decode(row.body, type=Account)
        listed = {wait_key for waiter, wait_key in db.waits if waiter == key}
        if state.waiting and listed != {f"account:{state.parent}"}:
            problems.append(f"{key} waits for {state.parent}, the list says {listed}")
        if not state.waiting and listed:
            problems.append(f"{key} does not wait, the list says {listed}")
        if not state.waiting and state.calling is not None:
            problems.append(f"{key} waits for an answer that will not come")
    return problems + [f"{j.key} was woken for nothing" for c in db.history for j in c.batch.journal if j.note == "woken for nothing"]


def dead_letters_hold(e: Evidence) -> list[str]:
    """Behind a key's first dead letter every later record is held, as it came and in order; what was decided to be held is kept, and nothing else."""
    decided = {(j.lane, j.offset) for c in e.database.history for j in c.batch.journal if j.outcome == "held" and j.offset is not None}
    there = {(kept.lane, kept.offset) for kept in e.database.held}
    problems = [f"{lane} {at} is {'not kept, and was decided' if (lane, at) in decided else 'kept, and was not decided'} to be held"
                for lane, at in sorted(decided ^ there)]  # fmt: skip
    records = {(lane, at): entry for lane, log in e.broker.logs.items() if lane[0] in simulated.INPUTS for at, entry in enumerate(log)}
    for kept in [*e.database.held, *(d.record for d in e.database.dead)]:
        entry = records.get((kept.lane, kept.offset))
        if entry is not None and (entry.key, entry.value) != (kept.record_key, kept.value):
            problems.append(f"{kept.lane} {kept.offset} is not kept as it came")
    order: dict[tuple[str, Lane], list[int]] = {}
    for kept in e.database.held:
        order.setdefault((kept.key or "", kept.lane), []).append(kept.offset)
    problems += [f"{where} holds {offsets}" for where, offsets in order.items() if offsets != sorted(set(offsets))]
    return problems + [f"{key} holds without a dead letter" for key, _ in order if not any(d.record.key == key for d in e.database.dead)]


def only_deaths_quarantine(e: Evidence) -> list[str]:
    """A record that ends its process is put aside; no other is, unless two processes were killed at it for other reasons, or one was and
    another could not say in time that it lived: its word was lost, or the lane was gone before."""
    accused = [d.record for d in e.database.dead if "ended the process" in d.message and d.record.value != KILLER]
    enough = e.crashes + min(e.database.unsaid, 1) >= 2
    return [] if enough else [f"{record.lane} {record.offset} is put aside after {e.crashes} crashes" for record in accused]


def _by_key(e: Evidence) -> dict[str, list[tuple[tuple[Lane, int], Entry]]]:
    found: dict[str, list[tuple[tuple[Lane, int], Entry]]] = {}
    for lane, log in e.broker.logs.items():
        if lane[0] == simulated.SOURCE:
            for at, entry in enumerate(log):
                found.setdefault((entry.key or b"").decode(), []).append(((lane, at), entry))
    return found


def _published(e: Evidence) -> list[tuple[Lane, Entry]]:
    topics = (simulated.OUTPUT, simulated.DEAD_LETTERS)
    return [(lane, entry) for lane, log in e.broker.logs.items() if lane[0] in topics for entry in log if visible(entry)]


CHECKS: tuple[Callable[[Evidence], list[str]], ...] = (
    *(every_input_once, fences_chain, outcomes_follow_the_log, lanes_are_dense, output_is_what_was_decided, nothing_halted),
    *(effects_once, effects_in_order, nothing_left, waits_are_honest, dead_letters_hold, only_deaths_quarantine),
)
