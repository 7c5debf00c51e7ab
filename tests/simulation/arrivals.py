"""What arrives at the source, drawn from the seed."""

import random

import msgspec

from tests.simulation.service import HINTS, KILLER, POISON, SOURCE, Hint, Told

Arrival = tuple[float, str, str, bytes]
"""When, on which topic, under which key, and what."""


def drawn(chance: random.Random, seconds: float, partitions: int) -> list[Arrival]:
    return _couples(chance, seconds, partitions) if chance.random() < 0.2 else _mixture(chance, seconds)


def partition_of(key: str, partitions: int) -> int:
    """A0, A2, … on one lane and A1, A3, … on the other: with few keys a hash may leave a lane empty."""
    return int(key[1:]) % partitions


def _mixture(chance: random.Random, seconds: float) -> list[Arrival]:
    """Revisions of a few accounts, some out of order, some twice, some that nobody can take."""
    keys = [f"A{i}" for i in range(chance.randint(1, 5))]
    told: list[tuple[str, str, bytes]] = []
    for i in range(chance.randint(2, 20)):
        key = chance.choice(keys)
        parent = chance.choice(keys) if chance.random() < 0.4 else None
        kind = chance.choice(("bad", "bug", "refused")) if chance.random() < 0.04 else "fine"
        event = Told(f"e{i}", i if chance.random() < 0.9 else chance.randint(0, i), None if parent == key else parent, kind)
        told.append((SOURCE, key, _spoilt(chance) or msgspec.json.encode(event)))
    told += [event for event in told if chance.random() < 0.1]
    told += [(HINTS, chance.choice(keys), msgspec.json.encode(Hint(f"h{i}"))) for i in range(chance.choice((0, 0, 4, 12)))]
    return [(chance.uniform(0, seconds), *event) for event in told]


def _spoilt(chance: random.Random) -> bytes | None:
    if chance.random() > 0.025:
        return None
    return KILLER if chance.random() < 0.2 else POISON


def _couples(chance: random.Random, seconds: float, partitions: int) -> list[Arrival]:
    """A child and its parent on different lanes, told of once each, at almost the same time: the one waits while the other supplies."""
    first, second = ([key for key in (f"A{i}" for i in range(40)) if partition_of(key, partitions) == part][:6] for part in range(2))
    arrivals: list[Arrival] = []
    for i, (child, parent) in enumerate(zip(first, second, strict=True)):
        at = chance.uniform(0, seconds)
        arrivals.append((at, SOURCE, child, msgspec.json.encode(Told(f"c{i}", i, parent))))
        arrivals.append((at + chance.uniform(0, 0.3), SOURCE, parent, msgspec.json.encode(Told(f"p{i}", i))))
    return arrivals
