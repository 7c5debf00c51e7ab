"""A lane that waits for a person: said once, and shown until it is given up."""

from shared.store.rows import Lane
from shared.telemetry import logs
from shared.telemetry.metrics import METRICS

log = logs.get(__name__)


def tell_halted(lane: Lane, reason: str) -> None:
    topic, part = lane
    METRICS.lane_halted.labels(f"{topic}/{part}").set(1)
    log.critical("lane_halted", topic=topic, partition=part, reason=reason)


def tell_released(lane: Lane) -> None:
    METRICS.lane_halted.labels(f"{lane[0]}/{lane[1]}").set(0)
