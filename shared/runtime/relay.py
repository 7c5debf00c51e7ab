"""Publishes one lane's outbox in order, each Kafka transaction carrying the lane's own position."""

import asyncio
from collections import deque
from collections.abc import Sequence

from shared.runtime.behind import Behind
from shared.runtime.halting import tell_halted
from shared.runtime.ports import Chance, Outbox, Worker
from shared.runtime.positions import Halted, Publisher
from shared.runtime.retry import AGAIN, delay_before
from shared.store.rows import Lane, OutboxRow
from shared.telemetry import logs
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)
ROWS, BYTES = 1000, 8_000_000


class Gap(Exception):
    """The row right behind the position is missing."""


class Relay:
    """Opened with the first row to publish. Rows come straight from the commit; after a restart, from Postgres."""

    def __init__(self, lane: Lane, publisher: Publisher, outbox: Outbox, threads: Worker, chance: Chance, linger_s: float = 0) -> None:
        self.lane, self.publisher, self.outbox, self.threads, self.chance, self.linger_s = lane, publisher, outbox, threads, chance, linger_s
        self.clock = publisher.outside.clock
        self.position: int | None = None
        self.known = 0  # the last position known, for the count of what is left
        self.fresh: deque[OutboxRow] = deque()
        self.head = 0
        self.unread = True  # Postgres may hold rows that were not offered
        self.work = asyncio.Event()
        self.drained = asyncio.Event()
        self.drained.set()
        self.halted: str | None = None
        self.behind = Behind(outbox, self.clock)
        self.gap = False  # seen since something was published last
        self.since = self.clock.monotonic()  # there is something to publish, or something was published last

    @property
    def backlog(self) -> int:
        """Rows committed and not yet known to be published."""
        return 0 if self.halted else max(self.head - self.known, int(self.position is None and self.work.is_set()))

    @property
    def stalled_s(self) -> float:
        """For how long nothing was published though there is something to publish."""
        return self.clock.monotonic() - self.since if self.backlog else 0.0

    def offer(self, rows: Sequence[OutboxRow]) -> None:
        self.head = rows[-1].seq
        if len(self.fresh) < 50 * ROWS:  # beyond that Postgres keeps them as well as memory would
            self.fresh.extend(rows)
        else:
            self.fresh.clear()
        self._wake()

    def begin(self) -> None:
        """Something may be there to publish."""
        self.unread = True
        self._wake()

    def _wake(self) -> None:
        if self.drained.is_set():
            self.since = self.clock.monotonic()
        self.drained.clear()
        self.work.set()

    async def run(self) -> None:
        """Until cancelled, or until the lane is halted."""
        failures = 0
        while self.halted is None:
            await self.work.wait()
            try:
                await self._drain()
                failures = 0
            except Halted as reason:
                self._halt(str(reason))
            except Gap as gap:  # the lane's next owner, or its last one late, may have published meanwhile: then the position has moved on
                if self.gap:
                    self._halt(f"{gap}: sequence numbers are dense, so rows were lost or changed by hand")
                else:
                    self.gap = True
                    await self._start_over(gap, 1)
            except Exception as error:  # Kafka's, Postgres's, the socket's: whichever, what was published is unknown now
                failures += 1
                await self._start_over(error, failures)

    async def _drain(self) -> None:
        if self.position is None:
            await self._open()
        while rows := await self._gathered():
            free = 0 if await self._opened_anew() else await self.behind.free(rows)
            self.fresh.extendleft(reversed(rows[free:]))
            if free:
                await self._publish(rows[:free])
        if not self.work.is_set():
            self.drained.set()

    async def _publish(self, rows: list[OutboxRow]) -> None:
        with METRICS.publish_time.time():
            await self.threads.run(self.publisher.publish, rows)
        self.position, self.known, self.gap, self.since = rows[-1].seq, rows[-1].seq, False, self.clock.monotonic()
        await self.outbox.clear(self.lane, self.position)

    async def _opened_anew(self) -> bool:
        """Whether the next rows have to be looked at again, behind the position that is known now."""
        if sent_twice := self.publisher.sent_twice:
            log.info("relay_opens_anew", topic=self.lane[0], partition=self.lane[1], reason="its last end may have been sent twice")
            await self._open()
        return sent_twice

    async def _open(self) -> None:
        position = await self.threads.run(self.publisher.open)
        self.head = await self.outbox.head(self.lane)  # read behind the opening: a position can't be ahead of a head read later
        if position > self.head:
            raise Halted(f"position {position} is ahead of the lane's head {self.head}: this database was restored to an earlier time")
        self.position = self.known = position
        await self.outbox.clear(self.lane, position)  # its last owner may have gone between publishing and this

    async def _gathered(self) -> list[OutboxRow]:
        """The next rows, and those that come within the linger; what was found in Postgres has waited long enough."""
        if self.linger_s and 0 < len(self.fresh) < ROWS:
            await asyncio.sleep(self.linger_s)
        self.work.clear()
        return await self._next_rows()

    async def _next_rows(self) -> list[OutboxRow]:
        """The rows right behind the position. Raises Gap when one is missing."""
        position, head = self.position or 0, self.head
        while self.fresh and self.fresh[0].seq <= position:
            self.fresh.popleft()
        rows: list[OutboxRow] = []
        size = 0
        while self.fresh and len(rows) < ROWS and size < BYTES and self.fresh[0].seq == position + 1 + len(rows):
            rows.append(self.fresh.popleft())
            size += len(rows[-1].value or b"")
        if not rows and (self.unread or position < head):
            self.unread = False
            rows = await self.outbox.pending(self.lane, position, ROWS)
            self.unread = self.unread or bool(rows)  # there may be more behind them
        if (not rows and position < head) or [row.seq for row in rows] != list(range(position + 1, position + 1 + len(rows))):
            raise Gap(f"the outbox has a gap behind {position}")
        return rows

    async def _start_over(self, error: Exception, failures: int) -> None:
        """After any failure it is unknown what was published: throw the producer away and read the position anew."""
        log.warning("relay_starts_over", topic=self.lane[0], partition=self.lane[1], error=str(error), failures=failures)
        self.position = None
        self.fresh.clear()
        self.begin()
        await self.threads.run(self.publisher.close)
        await asyncio.sleep(delay_before(failures, self.chance(0.5, 1), AGAIN))

    def _halt(self, reason: str) -> None:
        self.halted = reason
        tell_halted(self.lane, reason)
