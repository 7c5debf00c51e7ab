"""Owners of lanes that publish numbers and nothing else, one generation after the other: `python -m tests.faults.owners BOOTSTRAP LANES SEED`.

What a lane publishes follows from its number alone, so a process that is killed goes on from the log. A next owner opens while the last one
is still under way, as after a move of lanes.
"""

import random
import sys
import threading
import time

from confluent_kafka import KafkaException

from shared.runtime.outside import OUTSIDE
from shared.runtime.positions import Publisher
from shared.runtime.records import packed
from shared.store.rows import Lane, OutboxRow

SERVICE, TARGETS = "alone", ("alone.out", "alone.dlt")
STAY_S = (2.0, 25.0)
PAUSES_S = (0.0, 0.02, 0.1, 0.5, 2.0)
AGAIN_S = 0.5


class Owned:
    """One lane of this process; `generation` is the owner that may go on."""

    def __init__(self, bootstrap: str, lane: Lane, rng: random.Random) -> None:
        self.bootstrap, self.lane, self.rng, self.generation = bootstrap, lane, rng, 0

    def move_for_ever(self) -> None:
        while True:
            self.generation += 1
            threading.Thread(target=self._own, args=(self.generation,), daemon=True).start()
            time.sleep(self.rng.uniform(*STAY_S))

    def _own(self, generation: int) -> None:
        publisher = Publisher(OUTSIDE, self.bootstrap, SERVICE, self.lane, "one database")
        position: int | None = None
        while self.generation == generation:
            try:
                if position is None or publisher.sent_twice:
                    position = publisher.open()
                rows = self._behind(position)
                publisher.publish(rows)
                position = rows[-1].seq
                time.sleep(self.rng.choice(PAUSES_S))
            except (KafkaException, TimeoutError) as trouble:
                print(f"{time.time():.3f} {self.lane} owner {generation} at {position}: {trouble}", flush=True)
                position = None
                publisher.close()
                time.sleep(self.rng.uniform(AGAIN_S / 2, AGAIN_S))

    def _behind(self, position: int) -> list[OutboxRow]:
        last = position + self.rng.choice((1, 1, 1, 2, 4))
        return [OutboxRow(seq, _target(seq), f"{self.lane[1]}".encode(), b"%d" % seq, packed([])) for seq in range(position + 1, last + 1)]


def _target(seq: int) -> str:
    return TARGETS[seq % 5 == 0]


def main() -> None:
    bootstrap, lanes, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for part in range(lanes):
        owned = Owned(bootstrap, ("in", part), random.Random(seed * 1000 + part))
        threading.Thread(target=owned.move_for_ever, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
