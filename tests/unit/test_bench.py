"""The benchmarks measure what they say: the records and the rule of the job, medians and quantiles, and a picture of every result."""

from xml.etree import ElementTree

import pytest

from tests.bench import end_to_end
from tests.bench.__main__ import BENCHMARKS
from tests.bench.job import SEEN, decide, decode, encode, orders
from tests.bench.measure import compared, failing, quantile, spread
from tests.bench.picture import FIGURES, picture
from tests.bench.slow_erp import SLOW, Call, _told, under_way
from tests.bench.subjects.throughline import Order
from tests.bench.trouble import SETTLE, taken

ENVIRONMENT = {"at": "2026-01-01T00:00:00+00:00", "cores": 2, "cpu": "a <fast> one", "load_before": [0.5, 0.5, 0.5]}


def test_a_record_has_179_bytes_and_six_lines() -> None:
    order = next(orders(1, 1))
    assert (len(encode(order)), len(order["lines"])) == (179, 6)
    assert decode(encode(order)) == order


def test_an_event_seen_before_changes_nothing_and_publishes_nothing() -> None:
    order = next(orders(1, 1))
    state, published = decide(None, order)
    assert published == order | {"customer": order["customer"].upper()}
    assert decide(state, order) == (state, None)


def test_the_state_remembers_as_many_events_as_said() -> None:
    state = None
    for order in orders(SEEN + 5, 1):
        state, _ = decide(state, order)
    assert state is not None
    assert (state["revision"], len(state["seen"])) == (SEEN + 5, SEEN)


def test_throughline_is_given_the_schema_of_its_peers() -> None:
    assert set(Order.__struct_fields__) == set(next(orders(1, 1)))


def test_a_spread_tells_the_median_and_both_ends() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "least": 1.0, "greatest": 3.0, "values": [3.0, 1.0, 2.0]}
    assert [quantile([float(n) for n in range(1, 101)], share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]


def test_a_comparison_is_one_of_medians_and_says_whether_its_target_is_met() -> None:
    assert compared([10.0, 30.0, 20.0], [40.0, 50.0, 30.0], 0.5) == {"ratio": 0.5, "target": 0.5, "met": True}
    assert compared([10.0], [40.0], 0.5)["met"] is False


def test_the_use_of_an_allowance_is_the_calls_at_work_within_the_time_looked_at() -> None:
    calls = [Call("a", 0, 2, False), Call("a", 1, 5, False), Call("a", 1, 5, True)]
    assert under_way(calls, 1, 3) == (1 + 2) / 2
    assert under_way(calls, 5, 6) == 0


def test_every_benchmark_has_a_drawing() -> None:
    assert FIGURES.keys() == BENCHMARKS.keys()


def test_a_subject_that_fails_is_told_of_and_takes_no_other_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    failed: list[str] = []
    with failing("a peer", failed):
        raise AssertionError("published 3 of 5")
    assert failed == ["a peer: published 3 of 5"]
    assert "a peer failed" in capsys.readouterr().out


def test_a_contract_that_was_never_made_counts_with_the_time_that_was_waited_for_it() -> None:
    calls = [Call(SLOW, 10, 12, False), Call(SLOW, 75, 76, True)]
    told = _told(calls, {"alone": (0, 5), "slow": (10, 20)}, {"alone": {"A": 1, "B": 2}, "slow": {"C": 11, "D": 12}}, {"A": 2, "B": 4, "C": 12}, 80)
    assert told["others_p99_ms"] == {"alone": 2000, "slow": 68000}
    assert told["others_never_made"] == {"alone": 0, "slow": 1}
    assert (told["refused"], told["refused_after_first_minute"]) == (1, 1)
    assert told["used"] == {"slow": round(2 / 10 / 15, 4)}


def test_a_contract_that_did_not_reach_the_erp_is_in_the_percentiles_with_the_time_that_was_waited_for_it() -> None:
    due = {f"C-{n}": 10.0 for n in range(10)}
    made = {contract: 11.0 for contract in due if contract != "C-9"}
    told = end_to_end._told(due, made, {"postgres_commit_ms": 1, "kafka_round_trip_ms": 1}, 130.0)
    assert (told["done"], told["never_made"], told["p50"], told["p99"]) == (9, 1, 1000, 120_000)


def test_records_that_warm_up_are_those_due_first_in_whichever_partition_they_lie() -> None:
    due = {f"{n}".encode(): float(n) for n in range(SETTLE + 2)}
    read = dict(reversed([(key, at + (900 if at < SETTLE else 5)) for key, at in due.items()]))
    assert taken(due, read) == [5, 5]
    with pytest.raises(AssertionError, match="1 of 202 healthy records were never published"):
        taken(due, {key: at for key, at in read.items() if key != b"7"})


def test_the_picture_is_well_formed_and_names_every_subject() -> None:
    rate = spread([10.0, 12.0])
    rows = [{"subject": f"peer & {n}", "records_per_s": rate, "ratio": 1.1, "target": 2.0} for n in range(3)]
    drawn = picture([{"benchmark": 1, "title": "Durable job", "unit": "records/s", "scale": "small", "environment": ENVIRONMENT, "rows": rows}])
    words = {text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert {f"peer & {n}" for n in range(3)} <= words
