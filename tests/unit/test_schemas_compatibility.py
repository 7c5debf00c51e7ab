"""The decision whether schemas are compatible, against pairs that Apache Avro's own suite judges."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.wire.compatibility import InvalidSchema, Level, parse, unreadable, violations

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "data" / "avro" / "compat_vectors_apache_avro.json"
PAIRS: list[dict[str, Any]] = json.loads(VECTORS.read_text())


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{number}-{pair['test']}" for number, pair in enumerate(PAIRS)])
def test_a_pair_is_judged_as_apache_avro_judges_it(pair: dict[str, Any]) -> None:
    reader, writer = json.dumps(pair["reader"]), json.dumps(pair["writer"])
    assert (not unreadable(parse(reader), parse(writer))) is pair["compatible"]
    assert (not violations(Level.BACKWARD, reader, [writer])) is pair["compatible"]
    assert (not violations(Level.FORWARD, writer, [reader])) is pair["compatible"]


def test_both_verdicts_are_among_the_pairs() -> None:
    assert (len(PAIRS), sum(pair["compatible"] for pair in PAIRS)) == (131, 70)


def test_full_is_both_ways() -> None:
    assert violations(Level.BACKWARD, '"long"', ['"int"']) == []
    assert violations(Level.FORWARD, '"long"', ['"int"'])
    assert violations(Level.FULL, '"long"', ['"int"'])
    assert violations(Level.NONE, '"string"', ['"int"']) == []


def test_a_text_that_is_no_schema_is_refused() -> None:
    for text in ("{", '"nonsense"', "[" * 100_000, '{"type": "record", "name": "A"}'):
        with pytest.raises(InvalidSchema):
            parse(text)
