"""Spans that are recorded: the OpenTelemetry SDK, loaded only by a process that exports traces."""

from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from shared.telemetry.tracing import Trace


class DerivedIds(RandomIdGenerator):
    """Root spans take the identity that was derived for their trace; all other spans draw theirs."""

    def __init__(self, root: Callable[[], Trace | None]) -> None:
        self._root = root

    def generate_trace_id(self) -> int:
        root = self._root()
        return int(root.trace_id, 16) if root else super().generate_trace_id()

    def generate_span_id(self) -> int:
        root = self._root()
        return int(root.span_id, 16) if root else super().generate_span_id()


def provider_of(service: str, endpoint: str | None, exporter: SpanExporter | None, root: Callable[[], Trace | None]) -> TracerProvider:
    """Spans in batches to the collector at `endpoint`, or one by one to the exporter given instead."""
    resource = Resource.create({"service.name": service, "service.namespace": "throughline"})
    provider = TracerProvider(resource=resource, id_generator=DerivedIds(root))
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    elif endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


def under(parent: Trace | None) -> Context:
    """The context in which a span becomes the child of `parent`; empty, so a root, without one."""
    if parent is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    remote = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(remote), Context())


def trace_of(recorded: Span) -> Trace:
    context = recorded.get_span_context()
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", True)
