"""Every invariant that the evidence can show, judged; and those that it cannot, with the reason."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.faults.checker import again, calls, graph, held, intake, outlet
from tests.faults.checker.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]

CHECKS: dict[str, tuple[str, tuple[Check, ...]]] = {
    "I1": (
        "every acknowledged input is decided once, nothing else is",
        (intake.acknowledged_is_there, intake.each_input_decided_once, held.is_kept_or_decided, intake.every_input_has_a_lane),
    ),
    "I2": ("commits chain, epochs never fall", (intake.epochs_chain,)),
    "I3": ("a batch is one transaction: all or none", (intake.batches_are_whole,)),
    "I4": (
        "decided once more, the same follows: `throughline replay` says so, which runs the services' own code, of all of them over all of the run",
        (again.decided_alike,),
    ),
    "I5": ("published sequences are 1..head", (outlet.lanes_are_dense,)),
    "I6": ("positions agree with heads, of the same database", (outlet.positions_agree,)),
    "I7": (
        "one object for an intent, none without, told what the intent says, and last what the last one says",
        (calls.objects_are_single, calls.nothing_else_is_written, calls.nothing_else_is_there, calls.the_newest_is_there),
    ),
    "I8": ("one call of a contract after the other", (calls.one_call_at_a_time,)),
    "I9": (
        "doubt never ends as failure while the object is there",
        (calls.doubt_is_no_failure, calls.refusals_are_the_vendors, calls.doubt_is_looked_into),
    ),
    "I10": ("after healing nothing is left to do", (intake.nothing_is_left, held.has_a_reason)),
    "I11": ("what is put aside is kept to the byte, and resolved once at most", (outlet.put_aside_is_exact, again.letters_end_once)),
    "I12": ("versions form chains, and transactions that wrote behind one another no cycle", (graph.versions_form_a_chain, graph.no_cycle_of_writes)),
    "I13": ("one audit row a re-driven record, bound to a plan and its hash, with who and why", (again.redriving_is_told,)),
}

UNSEEN = {
    "I4, differences counted above": "they have the causes that docs/understand/faults.md names, and are left out of the verdict",
    "I12, G2": "what a decision read beside its own key is not recorded, so cycles through reads alone cannot be seen",
    "I13, two principals": "one person plans and applies here; the audit says who and why",
}
"""What is not judged. I14 is the checker's own test. Of I3, outbox rows are gone once published; I5 stands for them."""


@dataclass(frozen=True, slots=True)
class Verdict:
    name: str
    says: str
    violations: tuple[str, ...]


def judge(evidence: Evidence) -> list[Verdict]:
    return [Verdict(name, says, tuple(v for check in checks for v in check(evidence))) for name, (says, checks) in CHECKS.items()]
