"""The relays of the lanes that are ours: each opened with the first line there is to publish, and let go with its lane."""

import asyncio
from collections.abc import Iterable, Sequence

from shared.runtime.decision import Service
from shared.runtime.halting import tell_released
from shared.runtime.ports import Parts
from shared.runtime.positions import Publisher
from shared.runtime.relay import Relay
from shared.runtime.settings import RuntimeSettings
from shared.store.rows import Lane, LaneRow, OutboxRow


class Relays:
    def __init__(self, service: Service, settings: RuntimeSettings, parts: Parts) -> None:
        self.service, self.settings, self.outbox, self.outside = service, settings, parts.outbox, parts.outside
        self.threads = parts.outside.worker("relay", 32)
        self.incarnation = ""  # of the database that the lines come from
        self.by_lane: dict[Lane, Relay] = {}
        self.tasks: dict[Lane, asyncio.Task[None]] = {}

    @property
    def backlog(self) -> int:
        """Lines committed and not yet known to be published."""
        return sum(relay.backlog for relay in self.by_lane.values())

    @property
    def halted(self) -> dict[Lane, str]:
        return {lane: relay.halted for lane, relay in self.by_lane.items() if relay.halted}

    def offer(self, lane: Lane, rows: Sequence[OutboxRow]) -> None:
        """These lines were just committed."""
        self._of(lane).offer(rows)

    def begin(self, rows: Iterable[LaneRow]) -> None:
        """Lanes of which the database may hold lines that nobody offered."""
        for row in rows:
            if row.backlog:
                self._of(row.lane).begin()

    def let_go(self, lane: Lane) -> None:
        """What is committed and not published is the next owner's."""
        if task := self.tasks.pop(lane, None):
            task.cancel()
        if relay := self.by_lane.pop(lane, None):
            if relay.halted:
                tell_released(lane)
            self.threads.submit(relay.publisher.close)

    async def close(self, patience: float) -> None:
        """Publish what is committed, as far as `patience` seconds allow."""
        drained = [asyncio.create_task(relay.drained.wait()) for relay in self.by_lane.values() if relay.halted is None]
        if drained:
            _, late = await asyncio.wait(drained, timeout=patience)
            for waiting in late:
                waiting.cancel()
        for task in self.tasks.values():
            task.cancel()

    def _of(self, lane: Lane) -> Relay:
        if lane not in self.by_lane:
            publisher = Publisher(self.outside, self.settings.kafka, self.service.name, lane, self.incarnation)
            self.by_lane[lane] = Relay(lane, publisher, self.outbox, self.threads, self.outside.chance, self.service.publish_linger_s)
            self.tasks[lane] = asyncio.create_task(self.by_lane[lane].run(), name=f"relay-{lane[0]}/{lane[1]}")
        return self.by_lane[lane]
