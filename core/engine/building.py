"""Engines from settings: the constructors of the engine document under their Python names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..settings import Settings
from ..telemetry.collectors import metrics_for
from ..telemetry.ports import MetricsCollector
from .engine import Engine
from .journal import Journal
from .pipelines.service import PipelineService
from .ports import SessionService, Store
from .safety.service import SafetyService
from .workflows.service import WorkflowService

SessionsOf = Callable[[Journal, MetricsCollector], SessionService]
"""Makes the sessions that record in a journal."""

SafetyOf = Callable[[Journal, MetricsCollector], SafetyService]
"""Makes what all that is held against."""

WorkflowsOf = Callable[[Journal, Any], WorkflowService]
"""Makes the workflows that record in a journal and use those sessions."""

PipelinesOf = Callable[[Journal, WorkflowService, MetricsCollector], PipelineService]
"""Makes the pipelines that record in a journal and let those workflows work."""


def new_engine(
    settings: Settings,
    *,
    store: Store,
    sessions: SessionsOf,
    workflows: WorkflowsOf | None = None,
    pipelines: PipelinesOf | None = None,
    safety: SafetyOf | None = None,
    metrics: MetricsCollector | None = None,
    **options: Any,
) -> Engine:
    """An engine over ``store``, not started; ``options`` are those of ``Engine``.

    Without ``metrics`` it has Prometheus's where the settings enable them, else none.
    """
    collector = metrics or metrics_for(prometheus=settings.prometheus.enabled)
    shared = {name: options[name] for name in ("clock", "redactor") if name in options}
    journal = Journal(store, metrics=collector, **shared)
    made = sessions(journal, collector)
    guards = None if safety is None else safety(journal, collector)
    flows = None if workflows is None else workflows(journal, made)
    pipes = None
    if pipelines is not None and flows is not None:
        pipes = pipelines(journal, flows, collector)
    return Engine(
        settings,
        store=store,
        journal=journal,
        sessions=made,
        workflows=flows,
        pipelines=pipes,
        safety=guards,
        metrics=collector,
        **options,
    )


def new_with_prometheus_metrics(
    settings: Settings, *, store: Store, sessions: SessionsOf, **options: Any
) -> tuple[Engine, MetricsCollector]:
    """An engine that measures for Prometheus, and its collector.

    The port is opened where ``prometheus.enabled`` says so; the figures are there either way.
    """
    metrics = metrics_for(prometheus=True)
    return new_engine(settings, store=store, sessions=sessions, metrics=metrics, **options), metrics
