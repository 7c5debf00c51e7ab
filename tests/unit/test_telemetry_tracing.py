"""How a trace is carried on, and when it is recorded."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.telemetry import tracing

EVENT = UUID("0bb8bd19-e6b1-5d0a-8a0f-6c8f6c3e9d11")
INCOMING = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _nothing_exported_afterwards() -> Iterator[None]:
    tracing.configure("test", None)
    yield
    tracing.configure("test", None)


@pytest.fixture
def recorded() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracing.configure("psa_sync", None, 1.0, exporter)
    return exporter


def test_the_same_event_starts_the_same_trace() -> None:
    assert tracing.traceparent_of(EVENT.hex) == tracing.traceparent_of(EVENT.hex)
    assert tracing.traceparent_of(EVENT.hex)[3:35] == EVENT.hex


def test_without_an_exporter_the_context_is_handed_on_as_it_came() -> None:
    with tracing.span("decide", INCOMING) as here:
        assert here.traceparent == INCOMING


@pytest.mark.parametrize(
    "header", [None, "", "nonsense", INCOMING[:-1], "00-" + "0" * 32 + INCOMING[35:], "00-" + "z" * 32 + INCOMING[35:], b"\xff" * 55]
)
def test_a_header_that_breaks_the_standard_starts_a_new_trace(header: str | bytes | None) -> None:
    assert tracing.context_of(header) is None
    with tracing.span("decide", header) as here:
        assert tracing.context_of(here.traceparent) == here


def test_a_header_read_as_bytes_names_the_same_point() -> None:
    assert tracing.context_of(INCOMING.encode()) == tracing.context_of(INCOMING)


def test_a_recorded_span_is_the_child_of_the_header_it_came_with(recorded: InMemorySpanExporter) -> None:
    with tracing.span("provision", INCOMING, {"contract_id": "C-1"}) as here:
        outgoing = tracing.headers_of(here)["traceparent"]
    (span,) = recorded.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert outgoing == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{span.context.span_id:016x}-01"
    assert (span.attributes or {})["contract_id"] == "C-1"


def test_a_trace_that_is_not_sampled_is_carried_and_not_recorded(recorded: InMemorySpanExporter) -> None:
    unsampled = INCOMING[:-2] + "00"
    with tracing.span("provision", unsampled) as here:
        assert here.traceparent == unsampled
    assert recorded.get_finished_spans() == ()


def test_a_source_span_is_a_root_with_the_trace_of_its_event(recorded: InMemorySpanExporter) -> None:
    headers = tracing.start_source_span("webhook", {"vendor": "docusign"}, EVENT)
    (span,) = recorded.get_finished_spans()
    assert span.parent is None
    assert headers["traceparent"] == tracing.traceparent_of(EVENT.hex)
    assert f"{span.context.span_id:016x}" == headers["traceparent"][36:52]


def test_spans_of_one_event_share_one_trace(recorded: InMemorySpanExporter) -> None:
    header = tracing.start_source_span("webhook", event_id=EVENT)["traceparent"]
    for step in ("decide", "provision"):
        with tracing.span(step, header) as here:
            header = here.traceparent
    spans = recorded.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {EVENT.hex}
    assert len({span.context.span_id for span in spans}) == 3


def test_work_on_a_batch_is_marked_in_each_of_its_traces(recorded: InMemorySpanExporter) -> None:
    began = time.time_ns() - 5_000_000
    tracing.mark("applied", INCOMING, began, {"contract_id": "C-1"})
    tracing.mark("applied", None, began)
    (span,) = recorded.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert span.start_time == began
    assert (span.end_time or 0) - began >= 5_000_000


def test_an_exception_is_kept_on_the_span_and_goes_on(recorded: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="no tenant"), tracing.span("provision", INCOMING):
        raise ValueError("no tenant")
    (span,) = recorded.get_finished_spans()
    assert span.events[0].name == "exception"


def test_the_sampled_share_follows_the_ratio() -> None:
    tracing.configure("test", None, 0.0)
    assert tracing.traceparent_of(EVENT.hex).endswith("-00")
    tracing.configure("test", None, 1.0)
    assert tracing.traceparent_of(EVENT.hex).endswith("-01")
