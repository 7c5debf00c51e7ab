"""The checked-in message classes are those that the schemas make."""

import json
import shutil
from pathlib import Path

import pytest

from shared.messages import BY_TOPIC
from shared.ops import messages
from shared.wire import avsc, catalogue
from shared.wire.avsc import SchemaError
from shared.wire.catalogue import SCHEMAS
from shared.wire.compatibility import parse
from shared.wire.shape import shape_of


def test_the_checked_in_classes_agree_with_the_schemas() -> None:
    assert messages.differences() == []


def test_a_changed_schema_shows_as_a_difference(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
    path = folder / "common" / "Wait.avsc"
    path.write_text(path.read_text().replace('"queue"', '"desk"'))
    lines = messages.differences(schemas=folder)
    assert any(line.startswith("-    queue: str") for line in lines)
    assert any(line.startswith("+    desk: str") for line in lines)


def test_a_class_without_schema_is_removed_and_handwritten_code_is_left(tmp_path: Path) -> None:
    messages.write(tmp_path)
    (tmp_path / "stale.py").write_text(messages.HEADER.format(doc="Old."))
    (tmp_path / "by_hand.py").write_text('"""Ours."""\n')
    assert any("stale.py" in line for line in messages.differences(tmp_path))
    messages.write(tmp_path)
    assert messages.differences(tmp_path) == []
    assert (tmp_path / "by_hand.py").exists()
    assert not (tmp_path / "stale.py").exists()


def test_every_typed_topic_has_its_class() -> None:
    assert set(BY_TOPIC) == {topic.name for topic, _ in catalogue.load().typed()}


@pytest.mark.parametrize("topic", sorted(BY_TOPIC))
def test_a_published_schema_stands_alone_and_is_safe_to_read(topic: str) -> None:
    text = BY_TOPIC[topic].avro_schema
    parse(text)
    assert shape_of(text).name == catalogue.load().topic(topic).schema
    assert json.loads(text) == avsc.load(SCHEMAS).inlined(shape_of(text).name)


def test_a_field_that_python_keeps_for_itself_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))
    path = folder / "common" / "Wait.avsc"
    path.write_text(path.read_text().replace('"queue"', '"class"'))
    with pytest.raises(SchemaError, match="class"):
        messages.generate(folder)
