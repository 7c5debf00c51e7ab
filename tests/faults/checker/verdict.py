"""Every invariant that the evidence can show, judged; and those that it cannot, with the reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.checker import calls, intake, outlet
from tests.faults.checker.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]

CHECKS: dict[str, tuple[str, tuple[Check, ...]]] = {
    "I1": ("every acknowledged input is decided once, nothing else is", (intake.acknowledged_is_there, intake.each_input_decided_once)),
    "I2": ("commits chain, epochs never fall", (intake.epochs_chain,)),
    "I3": ("a batch is one transaction: all or none", (intake.batches_are_whole,)),
    "I5": ("published sequences are 1..head", (outlet.lanes_are_dense,)),
    "I6": ("positions agree with heads, of the same database", (outlet.positions_agree,)),
    "I7": ("one object for an intent, none without", (calls.objects_are_single,)),
    "I8": ("one call of a contract after the other", (calls.one_call_at_a_time,)),
    "I9": ("doubt never ends as failure while the object is there", (calls.doubt_is_no_failure,)),
    "I10": ("after healing nothing is left to do", (intake.nothing_is_left,)),
    "I11": ("what is put aside is kept to the byte", (outlet.put_aside_is_exact,)),
}

UNSEEN = {
    "I4": "deciding again would run the services' own code, which this checker does not; `throughline replay` does, and tells every difference",
    "I12": "what a decision read is not recorded, so no read-write graph can be drawn",
    "I13": "replays and their audit are commands of people, which a run does not give",
}
"""Invariants that are not judged. I14 is the checker's own test. Of I3, outbox rows are gone once published; I5 stands for them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    name: str
    says: str
    violations: tuple[str, ...]


def judge(evidence: Evidence) -> list[Verdict]:
    return [Verdict(name, says, tuple(v for check in checks for v in check(evidence))) for name, (says, checks) in CHECKS.items()]
