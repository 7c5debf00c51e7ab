"""Traces: one trace follows a contract's event through every topic and into the calls it causes (W3C trace context).

Spans are recorded only where an exporter is configured and the trace is sampled; otherwise the incoming context is handed on as it came,
which costs next to nothing and leaves no span that points at a parent nobody recorded.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

if TYPE_CHECKING:  # the SDK takes a fifth of a second to import: only a process that exports pays for it
    from opentelemetry.sdk.trace import Span as RecordedSpan
    from opentelemetry.sdk.trace import Tracer, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

HEADER = "traceparent"
NONE = "0" * 16  # no span may be called so
Attributes = Mapping[str, str | int | float | bool]


class Trace(Struct, frozen=True, gc=False):
    """A point in a trace. `trace_id` has 32 hexadecimal digits, `span_id` 16."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


@dataclass(slots=True)
class _Export:
    """Where spans of this process go; `tracer` None means nowhere."""

    ratio: float = 1.0
    tracer: "Tracer | None" = None
    provider: "TracerProvider | None" = None


_export = _Export()
_root: ContextVar[Trace | None] = ContextVar("root of the trace being started", default=None)


def configure(service: str, endpoint: str | None, ratio: float = 1.0, exporter: "SpanExporter | None" = None) -> None:
    """Export the given share (0 to 1) of traces to an OpenTelemetry collector (`http://host:4318`), or none without an endpoint."""
    shutdown()
    _export.ratio = ratio
    if endpoint or exporter:
        from shared.telemetry.spans import provider_of

        _export.provider = provider_of(service, endpoint, exporter, lambda: _root.get())
        _export.tracer = _export.provider.get_tracer("throughline")  # type: ignore[assignment]


def shutdown() -> None:
    """Send what is still to be sent, and record nothing from now on."""
    if _export.provider is not None:
        _export.provider.shutdown()
    _export.provider = _export.tracer = None


def context_of(traceparent: str | bytes | None) -> Trace | None:
    """The point that a header names; None for no header or one that breaks the standard (the trace then starts anew)."""
    text = traceparent.decode("ascii", "replace") if isinstance(traceparent, bytes) else traceparent
    if text is None or len(text) != 55 or text[:3] != "00-" or text[35] != "-" or text[52] != "-":
        return None
    trace_id, span_id = text[3:35], text[36:52]
    try:
        well_formed = int(trace_id, 16) > 0 and int(span_id, 16) > 0
        return Trace(trace_id, span_id, bool(int(text[53:], 16) & 1)) if well_formed else None
    except ValueError:
        return None


def headers_of(context: Trace) -> dict[str, str]:
    """The headers that carry the trace on."""
    return {HEADER: context.traceparent}


def traceparent_of(digits: str) -> str:
    """The trace of an event that came without one, from its id's 32 digits: the same event starts the same trace, however often it is read."""
    return Trace(digits, digits[16:] if digits[16:] != NONE else f"{1:016x}", _is_sampled(digits)).traceparent


@contextmanager
def span(name: str, traceparent: str | bytes | None, attributes: Attributes | None = None) -> Iterator[Trace]:
    """A stretch of work inside the trace that the header names (a new trace without one). Pass on the `traceparent` of what is yielded."""
    parent = context_of(traceparent)
    if _export.tracer is None or (parent is not None and not parent.sampled):
        yield parent or _new_trace()
        return
    with _recorded(name, parent, attributes) as recorded:
        yield recorded


def start_source_span(name: str, attributes: Attributes | None = None, event_id: UUID | None = None) -> dict[str, str]:
    """Start the trace of something that just reached us from outside; the headers that carry it on. `event_id` fixes its identity."""
    root = context_of(traceparent_of(event_id.hex)) if event_id else _new_trace()
    if root is None:
        raise ValueError("an event id of zeros names no trace")
    if _export.tracer is not None and root.sampled:
        with _recorded(name, None, attributes, root) as recorded:
            return headers_of(recorded)
    return headers_of(root)


def records() -> bool:
    """Whether anything is recorded at all: what costs something for every record asks first."""
    return _export.tracer is not None


def mark(name: str, traceparent: str | bytes | None, began_ns: int, attributes: Attributes | None = None) -> None:
    """Record, after the fact, a stretch of work of many traces at once, such as a batch: from `began_ns` (time.time_ns) to now."""
    if _export.tracer is None or (parent := context_of(traceparent)) is None or not parent.sampled:
        return
    from shared.telemetry.spans import under

    _export.tracer.start_span(name, context=under(parent), attributes=dict(attributes or {}), start_time=began_ns).end()


@contextmanager
def carried(here: Trace) -> Iterator[None]:
    """Within it, clients that know OpenTelemetry put `here` into the headers of what they send."""
    from opentelemetry import context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(TraceFlags.SAMPLED if here.sampled else TraceFlags.DEFAULT)
    point = SpanContext(int(here.trace_id, 16), int(here.span_id, 16), is_remote=False, trace_flags=flags)
    token = context.attach(set_span_in_context(NonRecordingSpan(point)))
    try:
        yield
    finally:
        context.detach(token)


@contextmanager
def _recorded(name: str, parent: Trace | None, attributes: Attributes | None, root: Trace | None = None) -> Iterator[Trace]:
    from shared.telemetry.spans import trace_of, under

    root = root or (None if parent else _new_trace())
    if _export.tracer is None or (root is not None and not root.sampled):
        yield parent or root or _new_trace()
        return
    token = _root.set(root)
    recorded: RecordedSpan = _export.tracer.start_span(name, context=under(parent), attributes=dict(attributes or {}))  # type: ignore[assignment]
    _root.reset(token)
    try:
        yield trace_of(recorded)
    except BaseException as error:
        recorded.record_exception(error)
        raise
    finally:
        recorded.end()


def _new_trace() -> Trace:
    trace_id = f"{random.getrandbits(128) or 1:032x}"
    return Trace(trace_id, f"{random.getrandbits(64) or 1:016x}", _is_sampled(trace_id))


def _is_sampled(trace_id: str) -> bool:
    """Decided by the trace's own digits, so that every process decides alike."""
    return _export.ratio >= 1 or int(trace_id[16:], 16) < _export.ratio * 2**64
