"""How a command of a service answers: JSON on standard output, a sentence on standard error when it can't, and an exit code."""

import gc
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop
from confluent_kafka import KafkaException

from shared.runtime.decision import Service
from shared.runtime.main import GC_THRESHOLD
from shared.runtime.settings import RuntimeSettings
from shared.telemetry import logs
from shared.wire.registry import RegistryAway

DONE, FAILED, USAGE, FOUND = 0, 1, 2, 3
T = TypeVar("T")


def answered(service: Service, settings: RuntimeSettings, ask: Callable[[], Coroutine[Any, Any, dict[str, Any]]], *refusals: type[Exception]) -> int:
    """Print what `ask` found, as JSON; 3 when that holds a difference. `refusals` are the command's own ways to say no, told like an outage.

    Standard output carries nothing else, so logs are kept to the worst.
    """
    told: tuple[type[Exception], ...] = (*refusals, RegistryAway, KafkaException, OSError, TimeoutError)
    logs.configure(service.name, "CRITICAL")
    try:
        found = quick(ask())
    except told as error:
        print(f"{str(error) or type(error).__name__} (Kafka {settings.kafka}, registry {settings.registry})", file=sys.stderr)
        return FAILED
    json.dump(found, sys.stdout, default=str)
    return FOUND if any(found.get("different", {}).values()) else DONE


def quick(work: Coroutine[Any, Any, T]) -> T:
    """Run it on the loop, and with the collector's pace, that services run with."""
    gc.set_threshold(*GC_THRESHOLD)
    return uvloop.run(work)
