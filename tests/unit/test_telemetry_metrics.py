"""What is measured, and under which names."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from shared.telemetry.metrics import METRICS, Metrics, render

MEASURED = [metric for metric in vars(Metrics(CollectorRegistry())).values() if isinstance(metric, MetricWrapperBase)]


def test_a_count_is_rendered_with_its_labels() -> None:
    registry = CollectorRegistry()
    Metrics(registry).records.labels("contract.state.v1", "applied").inc(3)
    assert b'throughline_records_total{outcome="applied",topic="contract.state.v1"} 3.0' in generate_latest(registry)


def test_everything_measured_is_rendered() -> None:
    METRICS.batch_size.observe(200)
    text = render().decode()
    for name in ("throughline_lag_records", "throughline_batch_records_bucket", "throughline_governor_circuit", "process_resident_memory_bytes"):
        assert name in text


@pytest.mark.parametrize("metric", MEASURED, ids=lambda metric: str(metric._name))
def test_a_name_says_its_unit_and_the_help_says_what_it_is(metric: MetricWrapperBase) -> None:
    described = next(iter(metric.describe()))
    unitless = {"throughline_waits", "throughline_governor_circuit", "throughline_lane_halted", "throughline_effects_open"}
    assert described.name in unitless or described.type == "counter" or described.name.endswith(("_seconds", "_records", "_calls"))
    assert described.documentation
