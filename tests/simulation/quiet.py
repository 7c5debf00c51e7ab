"""Without logs: a schedule is full of warnings that are meant."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), logger_factory=structlog.ReturnLoggerFactory(), processors=[]
    )
    try:
        yield
    finally:
        structlog.configure(**before)
