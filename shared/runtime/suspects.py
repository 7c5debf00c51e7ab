"""Records that may end the process: noted before they are decoded, one at a time. The one that did it twice is put aside undecoded."""

import asyncio
from collections.abc import Mapping

from shared.runtime.committing import Committing
from shared.runtime.decision import Route
from shared.runtime.ports import LaneRows
from shared.runtime.records import Record
from shared.runtime.work import item_of_record, quarantined
from shared.store.rows import Lane
from shared.wire.codec import Codec

DEATHS_TO_QUARANTINE = 2


class Suspects:
    def __init__(self, lanes: LaneRows, routes: Mapping[str, Route], codec: Codec, committing: Committing) -> None:
        self.lanes, self.routes, self.codec, self.committing = lanes, routes, codec, committing
        self.noted: list[tuple[Lane, int, int]] = []  # by lane, offset and epoch: neither committed nor taken back yet

    async def take(self, record: Record) -> None:
        """Raises what committing raises; then the record stays noted until `survive`."""
        lane, route = record.claim.lane, self.routes[record.claim.lane[0]]
        self.noted.append((lane, record.offset, record.claim.epoch))  # before it is: the answer may be lost, and then it has to be taken back too
        deaths = await self.lanes.mark_suspect(lane, record.offset, record.claim.epoch) - 1
        item = quarantined(record, route, deaths) if deaths >= DEATHS_TO_QUARANTINE else item_of_record(record, route, self.codec)
        await asyncio.shield(self.committing.take([item]))
        self.noted.clear()  # one at a time, so there is but this one
        record.claim.careful = max(0, record.claim.careful - 1)

    async def survive(self) -> None:
        """Take back what is noted: whoever can say so did not die of it. Only what is left behind by the dead counts as a death."""
        while self.noted:
            await self.lanes.survived(*self.noted[-1])
            self.noted.pop()
