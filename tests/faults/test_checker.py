"""The checker catches every kind of broken history, and lets a sound one pass: a checker that never fails proves nothing."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.wire import catalogue
from tests.faults.checker.again import replayed, set_apart
from tests.faults.checker.evidence import (
    INPUTS,
    AuditRow,
    EffectRow,
    Evidence,
    Fed,
    Heard,
    JournalRow,
    Kept,
    LaneRow,
    PlanItem,
    PlanRow,
    PutAside,
    Replayed,
    Sent,
    StateRow,
    TopicRecord,
    VendorCall,
    VendorObject,
    VendorWrite,
)
from tests.faults.checker.verdict import CHECKS, judge

IN, OUT, DLT, POSITION = "engagement.ready.v1", "erp.provisioning.v1", "erp_provisioning.dlt.v1", "erp_provisioning.position.v1"
LANE = (IN, 0)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TENANT = "netsuite-emea"
Mutate = Callable[[Evidence], object]


def _in(offset: int, key: str, value: bytes) -> TopicRecord:
    return TopicRecord(IN, 0, offset, key.encode(), value, (("traceparent", b"00-1-1-01"),))


def _out(seq: int, offset: int, topic: str = OUT, value: bytes = b"state") -> TopicRecord:
    headers = (("throughline-lane", f"{IN}/0".encode()), ("throughline-seq", str(seq).encode()))
    return TopicRecord(topic, 0, offset, b"C-1", value, headers)


def _position(seq: int, offset: int) -> TopicRecord:
    return TopicRecord(POSITION, 0, offset, f"{IN}/0".encode(), json.dumps({"seq": seq, "incarnation": "db/1"}).encode())


def _call(record: str, external_id: str, minute: int, key: str = "contract:C-1", **changed: object) -> EffectRow:
    created = NOON + timedelta(minutes=minute)
    row = EffectRow(external_id, key, TENANT, record, external_id, "done", 1, created, created + timedelta(seconds=30), ("done",))
    return replace(row, **{"digest": f"says {external_id}", **changed})  # type: ignore[arg-type]


def _write(effect: EffectRow) -> VendorWrite:
    return VendorWrite(TENANT, effect.record, effect.external_id, effect.digest)


def sound() -> Evidence:
    """One contract provisioned by three calls, one repeat, one poison record, one record held behind it, and one letter that was re-driven."""
    poison = _in(2, "C-9", b"\x01poison")
    behind = _in(3, "C-9", b"change order")
    letter = replace(_out(4, 0, DLT, poison.value or b""), key=b"C-9")
    letter = replace(letter, headers=(*poison.headers, *letter.headers))
    kept = Kept(
        lanes=[LaneRow(IN, 0, next=5, head=4, epoch=2)],
        journal=[
            JournalRow(LANE, 1, 0, None, "contract:C-1", 1, "applied", 100),
            JournalRow(LANE, 1, 1, None, "contract:C-1", 1, "duplicate", 100),
            JournalRow(LANE, 2, None, 7, "contract:C-1", 2, "applied", 101),
            JournalRow(LANE, 2, 2, None, "contract:C-9", None, "dead_lettered", 102),
            JournalRow(LANE, 2, 3, None, "contract:C-9", None, "held", 103),
            JournalRow(LANE, 2, None, 8, "contract:C-1", 3, "applied", 104),
            JournalRow(LANE, 2, 4, None, "contract:C-1", 4, "superseded", 105),
            JournalRow(LANE, 2, None, 9, "contract:C-7", 1, "applied", 104),
            JournalRow(LANE, 2, None, 10, "contract:C-7", 2, "applied", 105),
        ],
        states=[StateRow("contract:C-1", 4, 105), StateRow("contract:C-7", 2, 105)],
        effects=[_call("customer", "C_1", 0), _call("job", "J_1", 1), _call("projectTask", "T_1", 2, attempts=("ambiguous", "done"))],
        dead=[PutAside(LANE, 2, "contract:C-9", poison.key, poison.value, poison.headers, 102, "undecodable")],
        held=[PutAside(LANE, 3, "contract:C-9", behind.key, behind.value, behind.headers, 103)],
        incarnation="db",
        plans=[PlanRow(1, "hash", "hash")],
        items=[PlanItem(1, 5, "applied"), PlanItem(1, 6, None)],
        audit=[AuditRow("ann", "mended", "apply begun", 1, "hash", None), AuditRow("ann", "mended", "re-driven", 1, "hash", 5)],
    )
    inputs = [_in(0, "C-1", b"e1"), _in(1, "C-1", b"e1"), poison, behind, _in(4, "C-1", b"e0")]
    return Evidence(
        fed=[Fed(IN, "C-1", b"e1", Sent.OK), Fed(IN, "C-1", b"e0", Sent.UNKNOWN), Fed(IN, "C-1", b"never", Sent.FAILED)],
        services={"erp_provisioning": kept},
        records=[*inputs, _out(1, 0), _out(2, 2), _out(3, 4), letter, _position(2, 0), _position(4, 2), TopicRecord(POSITION, 0, 3, b"mark", None)],
        objects=[VendorObject(TENANT, e.record, str(n), e.external_id) for n, e in enumerate(kept.effects)],
        writes=[_write(e) for e in kept.effects],
        kept=[_write(e) for e in kept.effects],
        calls=[VendorCall(TENANT, e.record, e.external_id, Heard.TAKEN, e.digest) for e in kept.effects],
        provisioned={"C-1"},
        replayed={"erp_provisioning": Replayed(decided=9, different=0)},
    )


def _kept(evidence: Evidence) -> Kept:
    return evidence.services["erp_provisioning"]


def _journal(index: int, **changed: object) -> Mutate:
    def mutate(evidence: Evidence) -> None:
        rows = _kept(evidence).journal
        rows[index] = replace(rows[index], **changed)  # type: ignore[arg-type]

    return mutate


def _record(at: TopicRecord, **changed: object) -> Mutate:
    def mutate(evidence: Evidence) -> None:
        place = next(n for n, r in enumerate(evidence.records) if (r.topic, r.offset) == (at.topic, at.offset))
        evidence.records[place] = replace(evidence.records[place], **changed)  # type: ignore[arg-type]

    return mutate


def _without(at: TopicRecord) -> Mutate:
    def mutate(evidence: Evidence) -> None:
        evidence.records = [r for r in evidence.records if (r.topic, r.offset) != (at.topic, at.offset)]

    return mutate


def _effect(index: int, **changed: object) -> Mutate:
    def mutate(evidence: Evidence) -> None:
        rows = _kept(evidence).effects
        rows[index] = replace(rows[index], **changed)  # type: ignore[arg-type]

    return mutate


def _audit(index: int, **changed: object) -> Mutate:
    def mutate(evidence: Evidence) -> None:
        rows = _kept(evidence).audit
        rows[index] = replace(rows[index], **changed)  # type: ignore[arg-type]

    return mutate


def _crossed(evidence: Evidence) -> None:
    """The last versions of two keys, each by the transaction that the other one's was decided behind."""
    _journal(7, xid=105)(evidence)
    _journal(8, xid=104)(evidence)


def _reordered(evidence: Evidence) -> None:
    _record(_out(1, 0), offset=2)(evidence)
    place = next(n for n, r in enumerate(evidence.records) if r.topic == OUT and dict(r.headers)["throughline-seq"] == b"2")
    evidence.records[place] = replace(evidence.records[place], offset=0)


def _zombie(evidence: Evidence) -> None:
    """The owner before writes once more, behind the claim of the next one."""
    kept = _kept(evidence)
    kept.journal.append(JournalRow(LANE, 1, None, 9, "contract:C-1", None, "applied", 106))


def _rejected_in_doubt(evidence: Evidence) -> None:
    _effect(2, status="rejected", attempts=("ambiguous", "rejected"))(evidence)


def _row(inbox: int, outcome: str, xid: int) -> JournalRow:
    """The held record of the sound history, once it was set free."""
    return JournalRow(LANE, 2, 3, inbox, "contract:C-9", None, outcome, xid)


def _set_free(*outcomes: str) -> Mutate:
    """The held record leaves, and this became of it, one line of the journal after the other."""

    def mutate(evidence: Evidence) -> None:
        kept = _kept(evidence)
        kept.held.clear()
        kept.journal += [_row(20 + n, outcome, 106 + n) for n, outcome in enumerate(outcomes)]

    return mutate


def _buried_and_planned(evidence: Evidence, *outcomes: str) -> None:
    """The held record became a letter when it was set free, and plans decided on that letter."""
    kept, behind = _kept(evidence), _in(3, "C-9", b"change order")
    kept.dead.append(PutAside(LANE, 3, "contract:C-9", behind.key, behind.value, behind.headers, 106, "refused", id=12))
    kept.lanes[0] = replace(kept.lanes[0], head=5)
    letter = _out(5, 7, DLT, behind.value or b"")
    evidence.records += [replace(letter, key=b"C-9", headers=(*behind.headers, *letter.headers)), _position(5, 8)]
    for plan, outcome in enumerate(outcomes, start=2):
        kept.plans.append(PlanRow(plan, "hash", "hash"))
        kept.items.append(PlanItem(plan, 12, outcome))
        kept.audit.append(AuditRow("ann", "mended", "re-driven", plan, "hash", 12))


def _planned_again(outcome: str) -> Mutate:
    """A second plan decides on letter 5, and the audit tells of it."""

    def mutate(evidence: Evidence) -> None:
        kept = _kept(evidence)
        kept.plans.append(PlanRow(2, "hash", "hash"))
        kept.items.append(PlanItem(2, 5, outcome))
        kept.audit.append(AuditRow("ann", "mended", "re-driven", 2, "hash", 5))

    return mutate


def _apart(reason: str) -> Mutate:
    return lambda evidence: evidence.replayed.update(erp_provisioning=Replayed(9, 0, (), ((reason, 2),)))


def _heard(attempts: tuple[str, ...], *heard: Heard) -> Mutate:
    """What became of the attempts at the task, and what its vendor heard of it, one call after the other."""

    def mutate(evidence: Evidence) -> None:
        _effect(2, attempts=attempts)(evidence)
        digest = evidence.calls.pop().digest
        evidence.calls += [VendorCall(TENANT, "projectTask", "T_1", each, digest if each is Heard.TAKEN else "") for each in heard]

    return mutate


def _amended(*told: int, **changed: object) -> Mutate:
    """The job is to say more, by one more call; `told`: which of both its vendor was told in which order, 0 the first one."""

    def mutate(evidence: Evidence) -> None:
        effects = _kept(evidence).effects
        both = [effects[1], replace(_call("job", "J_1", 5), id="J_1 amended", digest="says more", **changed)]  # type: ignore[arg-type]
        effects.append(both[1])
        evidence.writes += [_write(both[n]) for n in told]
        evidence.kept += [_write(both[n]) for n in told]

    return mutate


MUTANTS: dict[str, tuple[str, Mutate]] = {
    "an acknowledged event is lost": ("I1", lambda e: e.fed.append(Fed(IN, "C-1", b"e7", Sent.OK))),
    "a refused event is there": ("I1", lambda e: e.fed.append(Fed(IN, "C-1", b"e1", Sent.FAILED))),
    "an input is passed without an outcome": ("I1", lambda e: _kept(e).journal.pop(1)),
    "an input is decided twice": ("I1", lambda e: _kept(e).journal.append(JournalRow(LANE, 2, 0, None, "contract:C-1", 4, "duplicate", 105))),
    "a record that nobody committed is decided": ("I1", _without(_in(1, "", b""))),
    "a partition that holds a record has no lane": ("I1", lambda e: e.records.append(TopicRecord(IN, 1, 0, b"C-5", b"e5"))),
    "a held record vanishes": ("I1", lambda e: _kept(e).held.clear()),
    "a held record is set free, held anew and vanishes": ("I1", _set_free("held")),
    "a held record is decided twice once it was set free": ("I1", _set_free("applied", "duplicate")),
    "a held record is decided and held still": ("I1", lambda e: _kept(e).journal.append(_row(20, "applied", 106))),
    "a zombie writes behind the next owner": ("I2", _zombie),
    "an epoch falls along the offsets": ("I2", _journal(6, epoch=1)),
    "transactions of a lane are out of order": ("I2", _journal(6, xid=99)),
    "the fence forgot its epoch": ("I2", lambda e: _kept(e).lanes.__setitem__(0, replace(_kept(e).lanes[0], epoch=1))),
    "a torn batch: outcome without its state": ("I3", lambda e: _kept(e).states.__setitem__(0, StateRow("contract:C-1", 3, 104))),
    "a torn batch: state without its outcome": ("I3", lambda e: _kept(e).states.__setitem__(0, StateRow("contract:C-1", 5, 106))),
    "a torn batch: state of another transaction": ("I3", lambda e: _kept(e).states.__setitem__(0, StateRow("contract:C-1", 4, 106))),
    "a version written twice": ("I3", _journal(5, version=2)),
    "a dead letter is journalled and not kept": ("I3", lambda e: _kept(e).dead.clear()),
    "a held record of another transaction": ("I3", lambda e: _kept(e).held.__setitem__(0, replace(_kept(e).held[0], xid=102))),
    "a published record is dropped": ("I5", _without(_out(2, 2))),
    "a published record is doubled": ("I5", lambda e: e.records.append(_out(2, 6))),
    "published records are reordered": ("I5", _reordered),
    "more is published than was committed": ("I5", lambda e: e.records.append(_out(5, 6))),
    "the position is ahead of its lane": ("I6", lambda e: e.records.append(_position(5, 4))),
    "the position is wiped out": ("I6", lambda e: e.records.append(replace(_position(4, 4), value=None))),
    "the position is of another database": ("I6", lambda e: setattr(_kept(e), "incarnation", "restored")),
    "an object is doubled at the vendor": ("I7", lambda e: e.objects.append(VendorObject(TENANT, "job", "99", "J_1"))),
    "a call is done and its object is not there": ("I7", lambda e: e.objects.pop(1)),
    "a write that nobody intended": ("I7", lambda e: e.writes.append(VendorWrite(TENANT, "job", "J_2", "says J_2"))),
    "an object is told something else than was intended": ("I7", lambda e: e.writes.append(VendorWrite(TENANT, "job", "J_1", "says more"))),
    "a call is done and its vendor was told something older": ("I7", _effect(1, digest="says J_1 anew")),
    "an object that nobody intended": ("I7", lambda e: e.objects.append(VendorObject(TENANT, "job", "77", "J_77"))),
    "an object keeps what nobody intended": ("I7", lambda e: e.kept.append(VendorWrite(TENANT, "job", "J_1", "says more"))),
    "an older call lands behind the newer one": ("I7", _amended(1, 0)),
    "the next call is asked for too early": ("I8", _effect(1, created=NOON + timedelta(seconds=10))),
    "doubt ends as failure while the object is there": ("I9", _rejected_in_doubt),
    "silence is taken for a refusal, and made up for by a plan": ("I9", _heard(("rejected", "done"), Heard.TAKEN, Heard.TAKEN)),
    "what was carried out is sent again without a look, and refused": (
        "I9",
        _heard(("ambiguous", "rejected", "done"), Heard.TAKEN, Heard.REFUSED, Heard.TAKEN),
    ),
    "a service decides differently the second time": ("I4", lambda e: e.replayed.update(erp_provisioning=Replayed(9, 1, ("state C-1",)))),
    "a service decides on a part of its records again": ("I4", lambda e: e.replayed.update(erp_provisioning=Replayed(4, 0))),
    "a service sets a key apart for a reason of its own": ("I4", _apart("it was inconvenient")),
    "a service sets a key apart because it is still at work": ("I4", _apart("changed meanwhile")),
    "a service did not decide again": ("I4", lambda e: e.replayed.clear()),
    "two transactions each wrote behind the other": ("I12", _crossed),
    "a version was decided by two transactions": ("I12", lambda e: _kept(e).journal.append(replace(_kept(e).journal[5], xid=103))),
    "a version was decided from one that was never committed": ("I12", lambda e: _kept(e).journal.pop(2)),
    "a transaction replaced what it wrote itself": ("I12", _journal(6, xid=104)),
    "a re-driven letter has no audit": ("I13", lambda e: _kept(e).audit.pop()),
    "a re-driven letter is told of twice": ("I13", lambda e: _kept(e).audit.append(_kept(e).audit[1])),
    "the audit tells of a letter that was not decided on": ("I13", _audit(1, letter=6)),
    "the audit names nobody": ("I13", _audit(1, who=" ")),
    "the audit gives no reason": ("I13", _audit(0, why="")),
    "the audit is bound to another plan": ("I13", _audit(1, plan_hash="another")),
    "a plan's items were changed": ("I13", lambda e: _kept(e).plans.__setitem__(0, PlanRow(1, "hash", "another"))),
    "a letter was resolved by nobody": ("I13", lambda e: _kept(e).dead.__setitem__(0, replace(_kept(e).dead[0], resolved=True, id=9))),
    "a lane stays behind": ("I10", lambda e: e.records.append(_in(5, "C-1", b"e8"))),
    "an intent never ends": ("I10", _effect(2, status="open", ended=None)),
    "a record is held behind nothing": ("I10", lambda e: _kept(e).dead.__setitem__(0, replace(_kept(e).dead[0], resolved=True, id=5))),
    "an outbox row is left": ("I10", lambda e: _kept(e).unpublished.append((LANE, 4))),
    "a complete contract has no project": ("I10", lambda e: e.provisioned.add("C-2")),
    "a dead letter's bytes are changed": ("I11", lambda e: _kept(e).dead.__setitem__(0, replace(_kept(e).dead[0], value=b"\x01Poison"))),
    "a dead letter's headers are changed": ("I11", lambda e: _kept(e).dead.__setitem__(0, replace(_kept(e).dead[0], headers=()))),
    "a dead letter's copy is changed": ("I11", _record(_out(4, 0, DLT), value=b"?")),
    "a letter is resolved by two plans": ("I11", _planned_again("duplicate")),
    "a letter is resolved by a plan and discarded": ("I11", lambda e: _kept(e).audit.append(AuditRow("ann", "void", "discarded", None, None, 5))),
    "a held record's key is changed": ("I11", lambda e: _kept(e).held.__setitem__(0, replace(_kept(e).held[0], record_key=b"C-8"))),
}


def _violated(evidence: Evidence) -> set[str]:
    return {verdict.name for verdict in judge(evidence) if verdict.violations}


def test_a_sound_history_passes() -> None:
    assert _violated(sound()) == set()


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_broken_history_is_caught(mutant: str) -> None:
    invariant, mutate = MUTANTS[mutant]
    evidence = copy.deepcopy(sound())
    mutate(evidence)
    assert invariant in _violated(evidence)


def test_a_record_that_was_held_anew_and_decided_at_last_passes() -> None:
    evidence = copy.deepcopy(sound())
    _set_free("held", "held", "superseded")(evidence)
    assert _violated(evidence) == set()


def test_a_record_that_became_a_letter_when_set_free_may_be_decided_by_plans() -> None:
    evidence = copy.deepcopy(sound())
    _set_free("dead_lettered", "dead_lettered", "held", "applied")(evidence)
    _buried_and_planned(evidence, "dead_lettered", "not decided", "applied")
    assert _violated(evidence) == set()


@pytest.mark.parametrize("outcome", ["dead_lettered", "not decided"])
def test_a_letter_that_stood_behind_another_plan_may_be_resolved_by_the_next(outcome: str) -> None:
    evidence = copy.deepcopy(sound())
    _planned_again(outcome)(evidence)
    assert _violated(evidence) == set()


def test_what_was_written_and_never_committed_is_named() -> None:
    evidence = copy.deepcopy(sound())
    evidence.written = {(r.topic, dict(r.headers)["throughline-lane"], dict(r.headers)["throughline-seq"]) for r in evidence.of_topic(OUT)}
    _without(_out(2, 2))(evidence)
    said = next(verdict.violations[0] for verdict in judge(evidence) if verdict.name == "I5")
    assert said.endswith("missing [2], twice [], beyond []; written, but not committed: [2]")


def test_a_write_whose_call_the_vendor_lost_is_told_by_its_object() -> None:
    evidence = copy.deepcopy(sound())
    lost = evidence.writes.pop()
    assert _violated(evidence) == set()
    evidence.kept.remove(lost)
    assert _violated(evidence) == {"I7"}


HONEST = {
    "refused at first, and taken once a plan sent it again": _heard(("rejected", "done"), Heard.REFUSED, Heard.TAKEN),
    "carried out, looked for while reads lag behind, and refused": _heard(
        ("ambiguous", "rejected", "done"), Heard.TAKEN, Heard.SHOWN, Heard.REFUSED, Heard.TAKEN
    ),
    "not carried out, looked for, refused": _heard(("ambiguous", "rejected", "done"), Heard.SHOWN, Heard.REFUSED, Heard.TAKEN),
    "done, asked for once more, and refused then": _heard(("done", "rejected", "done"), Heard.TAKEN, Heard.REFUSED, Heard.TAKEN),
    "amended": _amended(1),
    "amended, and told twice in doubt": _amended(1, 1),
    "amended by a call that was carried out and ended as rejected": _amended(1, status="rejected"),
    "shared with another contract that was told of first": _amended(1, 0, key="contract:C-2"),
}


@pytest.mark.parametrize("history", HONEST, ids=str)
def test_an_honest_history_of_calls_passes(history: str) -> None:
    evidence = copy.deepcopy(sound())
    HONEST[history](evidence)
    assert _violated(evidence) == set()


def test_what_was_published_twice_is_named_with_both_places() -> None:
    evidence = copy.deepcopy(sound())
    evidence.records.append(_out(2, 6))
    said = next(verdict.violations[0] for verdict in judge(evidence) if verdict.name == "I5")
    assert said.endswith(f"missing [], twice ['2 at {OUT}/0@2 and {OUT}/0@6'], beyond []")


def _difference(what: str, key: str) -> dict[str, object]:
    return {"what": what, "key": key, "said": "", "only": "there", "fields": []}


def test_keys_that_were_decided_on_again_by_hand_are_set_apart_and_told_of() -> None:
    evidence = copy.deepcopy(sound())
    assert set_apart(evidence) == "none"
    _apart("decided on again by hand")(evidence)
    assert _violated(evidence) == set()
    assert set_apart(evidence) == "2 keys of erp_provisioning: decided on again by hand"


def test_differences_of_a_replay_count_unless_their_cause_is_known() -> None:
    kept = Kept(journal=[JournalRow(LANE, 1, 0, None, "contract:C-1", 1, "waiting", 100)])
    found = [_difference("state", "contract:C-1"), _difference("emit", "C-1"), _difference("state", "contract:C-2")]
    report = {"decided": 9, "different": {"state": 2, "emit": 1}, "differences": found, "outside": {"decided on again by hand": 2}}
    for service, different in (("master_data", 1), ("erp_provisioning", 3), ("visibility", 3)):
        said, explained = replayed(report, service, kept)
        assert (said.different, sum(explained.values())) == (different, 3 - different)
        assert said.apart == (("decided on again by hand", 2),)


def test_a_topic_that_the_service_does_not_read_needs_no_lane() -> None:
    evidence = copy.deepcopy(sound())
    evidence.records.append(TopicRecord("source.clm.contract.v1", 1, 0, b"C-5", b"another's"))
    assert _violated(evidence) == set()


def test_the_inputs_that_the_checker_knows_are_those_of_the_catalogue() -> None:
    read = [topic for topic in catalogue.load() if topic.kind not in (catalogue.Kind.STATUS, catalogue.Kind.POSITION)]
    assert {name: set(topics) for name, topics in INPUTS.items()} == {
        name: {topic.name for topic in read if name in topic.readers} for name in catalogue.load().services
    }


def test_every_invariant_that_is_judged_has_a_mutant() -> None:
    assert {invariant for invariant, _ in MUTANTS.values()} == set(CHECKS)
