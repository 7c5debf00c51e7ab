"""Guards of the runtime, each with a patch that takes it out. What SQL guards is taken out where the simulated stores do the same;
the SQL itself is held to it by `tests/integration/test_store_guards.py`."""

from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition

from shared.runtime import calling, engine, positions
from shared.runtime.answers import Reply
from shared.runtime.behind import Behind
from shared.runtime.caller import LEASE_SHARE, Caller
from shared.runtime.decision import Target
from shared.runtime.engine import Engine
from shared.runtime.governed import Governed
from shared.runtime.inbox import Inbox
from shared.runtime.lanes import Lanes, OwnedLane
from shared.runtime.owning import Owning
from shared.runtime.ports import Clock
from shared.runtime.positions import Publisher
from shared.runtime.reader import Reader
from shared.runtime.records import Record
from shared.runtime.relay import Relay
from shared.runtime.runner import Runner
from shared.store.effects import ClaimedEffect
from shared.store.rows import InboxRow, Lane, OutboxRow
from tests.simulation.batches import SimulatedBatches
from tests.simulation.calls import SimulatedEffects
from tests.simulation.consumer import Fetched, SimulatedConsumer
from tests.simulation.database import EffectRow, changed
from tests.simulation.lanes import SimulatedLanes

EVER = 1e9


def rows_as_they_come(patch: pytest.MonkeyPatch) -> None:
    async def next_rows(self: Relay) -> list[OutboxRow]:
        rows = list(self.fresh) or await self.outbox.pending(self.lane, self.position or 0, 1000)
        self.fresh.clear()
        return rows

    patch.setattr(Relay, "_next_rows", next_rows)


def same_producer_after_doubt(patch: pytest.MonkeyPatch) -> None:
    real = Relay._start_over

    async def start_over(self: Relay, error: Exception, failures: int) -> None:
        position, producer = self.position, self.publisher.producer
        await real(self, error, failures)
        self.position, self.publisher.producer = position, producer

    patch.setattr(Relay, "_start_over", start_over)


def position_read_before_opening(patch: pytest.MonkeyPatch) -> None:
    opened, read = Publisher.open, Publisher._read

    def open_behind(self: Publisher) -> int:
        topics = self.outside.producer(self._configuration()).list_topics(self.topic, 1).topics
        self.partition = self.lane[1] % len(topics[self.topic].partitions)
        position = read(self)
        patch.setattr(self, "_read", lambda: position, raising=False)
        return opened(self)

    patch.setattr(Publisher, "open", open_behind)


def position_read_to_where_open_transactions_begin(patch: pytest.MonkeyPatch) -> None:
    def stable_end(self: Publisher) -> int:
        consumer: Any = self.outside.consumer({"isolation.level": "read_committed"})
        return int(consumer._end((self.topic, self.partition)))

    patch.setattr(Publisher, "_mark", stable_end)


def ends_of_former_leaders_believed(patch: pytest.MonkeyPatch) -> None:
    def said_end(self: Publisher) -> int:
        consumer = self.outside.consumer({"isolation.level": "read_uncommitted"})
        return int(consumer.get_watermark_offsets(TopicPartition(self.topic, self.partition), 30)[1])

    patch.setattr(Publisher, "_mark", said_end)


def end_of_a_transaction_awaited_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(positions, "COMMIT_S", EVER)


def ends_taken_for_sent_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(positions, "SENT_ONCE_S", EVER)


def fences_without_epoch(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedBatches, "fits", lambda self, fence: self.db.lanes[fence.lane].next == fence.old)


def fences_without_offset(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedBatches, "fits", lambda self, fence: self.db.lanes[fence.lane].epoch == fence.epoch)


def offsets_of_the_group_believed(patch: pytest.MonkeyPatch) -> None:
    """As by a client that commits by itself what it has handed out, and goes on from there."""
    real, fetch = SimulatedConsumer._place, SimulatedConsumer._fetch

    def place(self: SimulatedConsumer, lane: Lane, offset: int) -> None:
        real(self, lane, self.group.committed.get(lane, offset))

    def fetch_and_commit(self: SimulatedConsumer, lane: Lane) -> Fetched | None:
        fetched = fetch(self, lane)
        self.group.committed[lane] = self.positions[lane]
        return fetched

    patch.setattr(SimulatedConsumer, "_place", place)
    patch.setattr(SimulatedConsumer, "_fetch", fetch_and_commit)


def records_of_earlier_claims_believed(patch: pytest.MonkeyPatch) -> None:
    real = Reader._record

    def record(self: Reader, message: Message) -> Record | None:
        claim = self.lanes.get((message.topic() or "", message.partition() or 0))
        if claim is not None and not message.error():
            claim.placed = True
        return real(self, message)

    patch.setattr(Reader, "_record", record)


def ends_from_before_a_seek_believed(patch: pytest.MonkeyPatch) -> None:
    real = Reader._record

    def record(self: Reader, message: Message) -> Record | None:
        claim = self.lanes.get((message.topic() or "", message.partition() or 0))
        if message.error() and claim is not None:
            claim.reached_end(message.offset() or 0)
        return real(self, message)

    def begins(self: OwnedLane) -> None:
        self.placed = True

    patch.setattr(Reader, "_record", record)
    patch.setattr(OwnedLane, "begins", begins)


def no_backlog_after_doubt(patch: pytest.MonkeyPatch) -> None:
    """Neither at once nor in the minute after: only with the lane's next commit, and there may be none."""
    patch.setattr(engine, "DOUBT_S", 0.0)
    real = Owning.claim_again

    async def claim_again(self: Owning) -> list[OwnedLane]:
        begin, self.relays.begin = self.relays.begin, lambda rows: None  # type: ignore[method-assign]
        try:
            return await real(self)
        finally:
            self.relays.begin = begin  # type: ignore[method-assign]

    patch.setattr(Owning, "claim_again", claim_again)


def no_return_after_doubt(patch: pytest.MonkeyPatch) -> None:
    async def go_on(self: Engine, why: str) -> None:
        return None

    patch.setattr(Engine, "_rewind", go_on)


def lanes_claimed_only_when_they_are_given(patch: pytest.MonkeyPatch) -> None:
    async def let_lie(self: Engine, reader: Reader) -> None:
        pass

    patch.setattr(Engine, "_claim_left", let_lie)


def lines_of_other_lanes_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    async def free(self: Behind, rows: Sequence[OutboxRow]) -> int:
        return len(rows)

    patch.setattr(Behind, "free", free)


def inbox_looked_at_only_when_told(patch: pytest.MonkeyPatch) -> None:
    real = Inbox.due

    async def due(self: Inbox, lanes: Lanes) -> list[InboxRow]:
        return await real(self, lanes) if self.signal.is_set() else []

    patch.setattr(Inbox, "due", due)


def calls_looked_for_only_when_told(patch: pytest.MonkeyPatch) -> None:
    async def look(self: Runner) -> None:
        pass

    patch.setattr(Runner, "_look", look)


def no_look_after_doubt(patch: pytest.MonkeyPatch) -> None:
    real = calling._called

    async def called(effect: ClaimedEffect, target: Target, until: float, clock: Clock) -> Reply:
        return await real(changed(effect, doubtful=False), target, until, clock)

    patch.setattr(calling, "_called", called)


def leases_not_looked_at_before_sending(patch: pytest.MonkeyPatch) -> None:
    real = Caller._replied

    async def replied(self: Caller, governed: Governed, effect: ClaimedEffect, until: float) -> Reply:
        return await real(self, governed, effect, self.clock.monotonic() + LEASE_SHARE * self.means.settings.effect_lease_s)

    patch.setattr(Caller, "_replied", replied)


def no_doubt_after_a_lost_claim(patch: pytest.MonkeyPatch) -> None:
    real = SimulatedEffects._claimed

    def claimed(self: SimulatedEffects, row: EffectRow, lease: float) -> ClaimedEffect:
        row.status = "open"
        return real(self, row, lease)

    patch.setattr(SimulatedEffects, "_claimed", claimed)


def answers_of_lost_claims_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedEffects, "ours", lambda self, row, effect: row.status == "claimed")


def missed_supplies_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimulatedBatches, "missed", lambda self, wait: False)


def suspects_not_marked(patch: pytest.MonkeyPatch) -> None:
    async def mark(self: SimulatedLanes, lane: Lane, offset: int, epoch: int) -> int:
        return 1

    patch.setattr(SimulatedLanes, "mark_suspect", mark)
