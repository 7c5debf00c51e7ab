"""The governor under a clock that stands still until it is moved."""

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.governor import Circuit, Pace, after_answer, after_failure, after_throttle, after_word, circuit, pace_of, room


def test_a_fresh_target_gets_its_published_concurrency() -> None:
    assert room(pace_of(15), in_use=4, now=0) == 11


def test_a_burst_of_refusals_cuts_the_limit_once() -> None:
    pace = pace_of(15)
    for _ in range(10):
        pace = after_throttle(pace, now=5.0, retry_after=None)
    assert pace.limit == 15 * 0.7


def test_nothing_is_sent_before_retry_after_has_passed() -> None:
    pace = after_throttle(pace_of(15), now=5.0, retry_after=17.0)
    assert (room(pace, 0, 21.9), room(pace, 0, 22.0)) == (0, 10)


def test_the_limit_grows_back_to_what_is_published_and_no_further() -> None:
    pace = after_throttle(pace_of(15), now=0, retry_after=None)
    for _ in range(1000):
        pace = after_answer(pace)
    assert pace.limit == 15


def test_five_failures_in_a_row_open_the_circuit_and_then_one_call_goes_at_a_time() -> None:
    pace = pace_of(15)
    for _ in range(5):
        pace = after_failure(pace, now=0, jitter=1.0, retry_after=None)
    assert circuit(pace, 0.5) is Circuit.OPEN
    assert room(pace, 0, 0.5) == 0
    assert circuit(pace, 1.0) is Circuit.HALF_OPEN
    assert (room(pace, 0, 1.0), room(pace, 1, 1.0)) == (1, 0)
    assert circuit(after_answer(pace), 1.0) is Circuit.CLOSED


def test_calls_that_were_under_way_do_not_prolong_the_pause() -> None:
    pace = pace_of(15)
    for _ in range(15):
        pace = after_failure(pace, now=0, jitter=1.0, retry_after=None)
    assert pace.open_until == 1.0


@given(st.lists(st.tuples(st.sampled_from(["answer", "throttle", "word", "failure"]), st.floats(0, 5)), max_size=60))
def test_whatever_happens_there_is_never_more_room_than_published_and_in_the_end_some(events: list[tuple[str, float]]) -> None:
    pace, now = pace_of(15), 0.0
    for kind, passed in events:
        now += passed
        pace = _after(pace, kind, now)
        assert 0 <= room(pace, 0, now) <= 15
    assert room(pace, 0, now + 120) >= 1


def _after(pace: Pace, kind: str, now: float) -> Pace:
    match kind:
        case "answer":
            return after_answer(pace)
        case "throttle":
            return after_throttle(pace, now, None)
        case "word":
            return after_word(pace, now)
        case _:
            return after_failure(pace, now, 1.0, None)
