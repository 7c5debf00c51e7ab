"""Logs: one JSON object a line on standard output, with a service, a moment in UTC, and no secrets.

Bind what a line is about by name: `log.info("applied", contract_id=..., trace_id=...)`, or `bound(contract_id=...)` for a stretch of code.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from shared.telemetry.masking import masked

QUIET = ("aiokafka", "httpx", "httpcore", "asyncio", "uvicorn.access", "faust", "mode", "yoyo")
"""Libraries whose everyday messages would drown ours: heard from WARNING on."""

bound = structlog.contextvars.bound_contextvars


def configure(service: str, level: str = "INFO") -> None:
    """Send this process's logs, the standard library's included, to standard output. `level` is a name such as INFO."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common(service),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_common(service), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers made at import time must see this configuration
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _common(service: str) -> list[Processor]:
    def name_service(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        return event

    return [
        structlog.contextvars.merge_contextvars,
        name_service,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]


def _mask(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    hidden: dict[str, Any] = masked(event)
    return hidden


def whose(key: str | None, trace: str | None) -> dict[str, str | None]:
    """What every line about a contract carries: the contract, and the trace that its other lines are found by."""
    namespace, _, name = (key or "").partition(":")
    return {"contract_id": name if namespace == "contract" else None, "key": key, "trace_id": trace[3:35] if trace else None}
