"""Reading a WHERE, and telling two values apart field by field."""

from datetime import UTC, datetime

import pytest

from shared.runtime.replaying.difference import Difference, Field, fields, of_emits, of_state
from shared.runtime.replaying.where import Where, WhereError, read_where


def test_nothing_stands_for_the_beginning_or_the_end() -> None:
    assert read_where(None, ["a"]) == Where()


def test_a_time_without_a_zone_is_utc() -> None:
    moment = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert read_where("2026-11-23T09:00:00", ["a"]) == read_where("2026-11-23T10:00:00+01:00", ["a"]) == Where(at=moment)


def test_the_topic_may_be_left_out_where_there_is_one() -> None:
    assert read_where("2:40", ["a.v1"]) == Where({("a.v1", 2): 40})
    assert read_where("a.v1/2:40, b.v1/0:1", ["a.v1", "b.v1"]) == Where({("a.v1", 2): 40, ("b.v1", 0): 1})


@pytest.mark.parametrize(("text", "advice"), [("2:40", "write TOPIC/PARTITION:OFFSET"), ("c/2:40", "name one of"), ("soon", "PARTITION:OFFSET")])
def test_a_where_that_names_no_place_says_how_one_is_written(text: str, advice: str) -> None:
    with pytest.raises(WhereError, match=advice):
        read_where(text, ["a", "b"])


def test_every_leaf_that_differs_is_named_by_its_path() -> None:
    there = {"a": 1, "lines": [{"amount": "1.00"}, {"amount": "2.00"}], "gone": "x"}
    here = {"a": 1, "lines": [{"amount": "1.00"}, {"amount": "2.50"}, {"amount": "3.00"}], "more": True}
    assert list(fields(there, here)) == [
        Field("lines[1].amount", "2.00", "2.50"),
        Field("lines[2]", None, {"amount": "3.00"}),
        Field("gone", "x", None),
        Field("more", None, True),
    ]


def test_the_same_content_written_in_another_order_is_no_difference() -> None:
    assert of_state("k", {"a": 1, "b": 2}, {"b": 2, "a": 1}) is None


def test_a_state_that_only_one_side_has_says_so() -> None:
    assert of_state("k", None, {}) == Difference("state", "k", "no live state", "here")
    assert of_state("k", {}, None) == Difference("state", "k", "no state here", "there")


def test_one_record_on_each_side_is_one_record_changed() -> None:
    assert list(of_emits("t", "k", [{"name": "a"}], [{"name": "b"}])) == [Difference("emit", "k", "t", fields=(Field("name", "a", "b"),))]
    assert [each.only for each in of_emits("t", "k", [{"name": "a"}], [])] == ["there"]
    assert [each.only for each in of_emits("t", "k", [], [{"name": "a"}, {"name": "b"}])] == ["here", "here"]
