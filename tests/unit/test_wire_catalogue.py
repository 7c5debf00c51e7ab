"""The catalogue as services and tools see it."""

from pathlib import Path

import pytest

from shared.wire import catalogue
from shared.wire.catalogue import SCHEMAS, CatalogueError, Kind


def test_every_service_has_its_dead_letters_and_positions() -> None:
    topics = catalogue.load()
    for service in topics.services:
        dead, position = topics.topic(f"{service}.dlt.v1"), topics.topic(f"{service}.position.v1")
        assert (dead.kind, dead.owner, dead.schema, dead.retention_days) == (Kind.DLT, service, None, 365)
        assert (position.kind, position.owner, position.compacted) == (Kind.POSITION, service, True)


def test_every_lane_has_a_partition_for_its_position() -> None:
    topics = catalogue.load()
    for service in topics.services:
        widest = max(topic.partitions for topic in topics if service in topic.readers)
        assert topics.topic(f"{service}.position.v1").partitions >= widest


def test_state_topics_are_told_with_owner_key_and_readers() -> None:
    topic = catalogue.load().topic("contract.state.v1")
    assert (topic.kind, topic.owner, topic.key) == (Kind.STATE, "contract_events", "contract_id")
    assert (topic.schema, topic.subject) == ("throughline.contract.ContractState", "contract.state.v1-value")
    assert topic.readers == ("master_data", "visibility")
    assert (topic.partitions, topic.retention_days, topic.compacted) == (4, 30, False)


def test_only_the_current_status_is_compacted_among_typed_topics() -> None:
    assert [topic.name for topic, _ in catalogue.load().typed() if topic.compacted] == ["workflow.status.v1"]


def test_planned_topics_have_a_schema_and_no_place_on_the_cluster() -> None:
    planned = [topic for topic in catalogue.load() if topic.kind is Kind.PLANNED]
    assert {topic.name for topic in planned} == {"billing.event.v1", "archive.receipt.v1"}
    assert all(topic.schema and not topic.exists for topic in planned)


@pytest.mark.parametrize(("line", "without"), [('owner = "CLM"', ""), ('kind = "source"', 'kind = "rumour"')])
def test_a_topic_that_lacks_something_is_named(tmp_path: Path, line: str, without: str) -> None:
    path = tmp_path / "topics.toml"
    path.write_text((SCHEMAS / "topics.toml").read_text().replace(line, without, 1))
    with pytest.raises(CatalogueError, match=r"topic source\.clm\.contract\.v1"):
        catalogue.load(path)
