"""Topics on a real Kafka come from the catalogue, and only ever grow."""

import uuid

import pytest
from confluent_kafka.admin import AdminClient

from shared.ops import topics
from shared.ops.topics import Action, TopicsError
from shared.wire.catalogue import Catalogue, Kind, Topic
from tests.support.stack import Stack


def topic(kind: Kind = Kind.STATE, partitions: int = 2, retention_days: int = 30) -> Topic:
    return Topic(
        name=f"test.{uuid.uuid4().hex}.v1",
        kind=kind,
        owner="visibility",
        key="contract_id",
        schema=None,
        readers=(),
        partitions=partitions,
        retention_days=retention_days,
        compacted=kind in (Kind.STATUS, Kind.POSITION),
    )


def changed(original: Topic, **values: object) -> Topic:
    fields = {name: getattr(original, name) for name in Topic.__slots__}
    return Topic(**(fields | values))


def catalogue_of(*wanted: Topic) -> Catalogue:
    return Catalogue(wanted, ("visibility",))


def partitions_of(stack: Stack, wanted: Topic) -> int:
    return len(AdminClient({"bootstrap.servers": stack.bootstrap}).list_topics(timeout=10).topics[wanted.name].partitions)


def test_missing_topics_are_planned_created_and_then_left_alone(stack: Stack) -> None:
    wanted = catalogue_of(topic(), topic(Kind.STATUS), topic(Kind.DLT, partitions=1, retention_days=365), topic(Kind.POSITION, partitions=1))
    assert [step.action for step in topics.plan(stack.bootstrap, wanted)] == [Action.CREATE] * 4
    assert len(topics.apply(stack.bootstrap, wanted)) == 4
    assert topics.plan(stack.bootstrap, wanted) == []
    assert topics.apply(stack.bootstrap, wanted) == []


def test_a_planned_topic_is_not_created(stack: Stack) -> None:
    assert topics.plan(stack.bootstrap, catalogue_of(topic(Kind.PLANNED))) == []


def test_a_topic_grows(stack: Stack) -> None:
    small = topic(partitions=1)
    topics.apply(stack.bootstrap, catalogue_of(small))
    large = changed(small, partitions=3)
    assert topics.apply(stack.bootstrap, catalogue_of(large)) == [f"grow {small.name}: from 1 to 3 partitions"]
    assert partitions_of(stack, small) == 3


def test_a_topic_never_shrinks(stack: Stack) -> None:
    large = topic(partitions=3)
    topics.apply(stack.bootstrap, catalogue_of(large))
    small = catalogue_of(changed(large, partitions=1))
    [step] = topics.plan(stack.bootstrap, small)
    assert (step.action, "cannot shrink" in step.reason) == (Action.LEAVE, True)
    assert topics.apply(stack.bootstrap, small) == []
    assert partitions_of(stack, large) == 3


def test_settings_that_drifted_are_put_right(stack: Stack) -> None:
    before = topic(retention_days=7)
    topics.apply(stack.bootstrap, catalogue_of(before))
    after = catalogue_of(changed(before, retention_days=0))
    assert topics.apply(stack.bootstrap, after) == [f"configure {before.name}: retention.ms from 604800000 to -1"]
    assert topics.plan(stack.bootstrap, after) == []


def test_a_broker_that_is_down_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "TIMEOUT", 1.0)
    with pytest.raises(TopicsError, match="Kafka does not answer"):
        topics.plan("127.0.0.1:1", catalogue_of(topic()))
