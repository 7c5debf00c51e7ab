"""What lies in the inboxes of the lanes owned here: looked into when told so, and every now and then for what others put there."""

import asyncio

from shared.runtime.lanes import Lanes
from shared.runtime.ports import Batches, Clock
from shared.store.rows import InboxRow


class Inbox:
    """`signal` is set while there may be something to decide on. `look_s`: how often to look when nobody says so, `limit`: rows of one look."""

    def __init__(self, store: Batches, clock: Clock, look_s: float, limit: int) -> None:
        self.store, self.clock, self.look_s, self.limit = store, clock, look_s, limit
        self.signal = asyncio.Event()
        self.answers: dict[int, InboxRow] = {}  # of calls made here, not decided on yet
        self.found: set[int] = set()  # what the last look found
        self.unread = False
        self.looked = 0.0

    def wake(self) -> None:
        """Something was put into an inbox."""
        self.unread = True
        self.signal.set()

    def answered(self, row: InboxRow) -> None:
        """A call made here was answered: the row lies in the inbox for whoever comes after us, and here it need not be looked for."""
        if row.id not in self.found:
            self.answers[row.id] = row
            self.signal.set()

    async def due(self, lanes: Lanes) -> list[InboxRow]:
        """Answers that came here, and what a look finds."""
        self.signal.clear()  # without a lane too: a signal that stays set would keep the loop turning
        now = self.clock.monotonic()
        due: list[InboxRow] = []
        if lanes and (self.unread or now - self.looked >= self.look_s):
            self.unread, self.looked = False, now
            due = await self.store.due(lanes.names, self.limit)
            self.found = {row.id for row in due}
            if len(due) >= self.limit:
                self.wake()
        answers, self.answers = self.answers, {}
        return [row for row in answers.values() if row.id not in self.found] + due
