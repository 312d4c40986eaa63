"""Which collector to use."""

from __future__ import annotations

from .ports import MetricsCollector, NullMetrics


def metrics_for(*, prometheus: bool) -> MetricsCollector:
    """Prometheus's collector, or none."""
    if not prometheus:
        return NullMetrics()
    from .prometheus import PrometheusMetrics  # noqa: PLC0415  # start-up time: its feature is off

    return PrometheusMetrics()
