"""What a run tells: no verdict is no success, every row of the matrix is accounted for, and both sides digest a call alike."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import msgspec

from deploy.sandboxes.common.requests import content_digest
from tests.faults import feed, matrix
from tests.faults.checker.gather import digest_of
from tests.faults.checker.verdict import UNSEEN, Verdict
from tests.faults.parts import ROOT
from tests.faults.report import Report

HOLDS = (Verdict("I1", "every input is decided once", ()),)


def _report(verdicts: tuple[Verdict, ...], *broken: str) -> Report:
    kind = matrix.FAULTS[0].kind
    return Report({"seed": 1}, {"contracts": 2}, Counter({kind: 3}), Counter({feed.MIXED: 4}), Counter(), broken, verdicts)


def test_a_run_that_was_not_judged_does_not_hold() -> None:
    assert _report(HOLDS).holds
    assert not _report(()).holds
    assert not _report(HOLDS, "ended by KeyboardInterrupt").holds
    assert "ended before it could be judged" in _report(()).as_markdown()


def test_what_was_injected_and_what_was_sent_are_counted_apart() -> None:
    told = _report(HOLDS).as_json()
    assert (told["injected"], told["kinds_injected"]) == (3, 1)
    assert "3 faults of 1 kinds injected" in _report(HOLDS).as_markdown()


def test_every_row_of_the_matrix_has_a_fault_or_a_reason() -> None:
    played = {fault.row for fault in (*matrix.FAULTS, *matrix.LAST_ACTS)} | set(feed.ROWS.values())
    assert set(matrix.ROWS) - played == {40}
    assert 40 in matrix.NOT_PLAYED


def test_a_row_that_means_more_than_what_was_played_says_so_when_it_was() -> None:
    assert matrix.PLAYED_AS.keys() <= set(matrix.ROWS) - matrix.NOT_PLAYED.keys()
    told = _report(HOLDS).as_json()["rows_played_as"]
    assert told == {"32": matrix.PLAYED_AS[32]}
    assert f"| 32 | {matrix.PLAYED_AS[32]} |" in _report(HOLDS).as_markdown()
    page = (ROOT / "docs" / "understand" / "faults.md").read_text()
    assert all(f"| {row} | {what} |" in page for row, what in matrix.PLAYED_AS.items())


def test_the_checker_and_the_vendors_digest_a_call_alike() -> None:
    intended = msgspec.json.encode({"amount": "1000.50", "lines": [{"amount": "3.00", "n": 2}], "name": "Äpfel", "closed": None})
    sent = {"name": "Äpfel", "closed": None, "amount": Decimal("1000.50"), "lines": [{"n": 2, "amount": Decimal("3.00")}]}
    written = msgspec.json.Encoder(decimal_format="number").encode(sent)
    assert digest_of(intended) == content_digest(written)
    assert digest_of(intended) != content_digest(written.replace(b"1000.50", b"1000.5"))


def test_what_this_run_did_not_judge_stands_beside_what_none_does() -> None:
    report = replace(_report(HOLDS), left_out={"I4, keys set apart": "2 keys of psa_sync: decided on again by hand"})
    assert "| I4, keys set apart | not judged | 2 keys of psa_sync: decided on again by hand |" in report.as_markdown()
    assert report.as_json()["not_judged"] == {**report.left_out, **UNSEEN}
