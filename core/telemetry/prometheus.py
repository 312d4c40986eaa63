"""Metrics for Prometheus, in a registry of their own; loaded only where they are enabled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ..base.errors import ErrorInfo
from .logs import logger
from .ports import Tags, error_code

M = TypeVar("M", Counter, Gauge, Histogram)

_log = logger("telemetry.prometheus")

PREFIX = "quarterdeck"
LATENCY = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
HUMAN = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400)


class Figure(NamedTuple):
    """One metric: what it says, its labels, and the upper bounds of a histogram's buckets."""

    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = LATENCY


COUNTERS = {
    "commands": Figure("Commands taken in.", ("type",)),
    "command_errors": Figure("Commands and operations that failed.", ("type", "code")),
    "rate_limit_hits": Figure("Commands refused by the rate limiter.", ("scope",)),
    "events": Figure("Events delivered.", ("type",)),
    "events_dropped": Figure("Events that a slow client got as a snapshot instead."),
    "input_dropped": Figure("Input that its session could not take."),
    "commit_failures": Figure("Transactions that the store refused.", ("code",)),
    "workers_replaced": Figure("Workers that crashed and were replaced."),
    "background_failures": Figure("Background tasks that failed.", ("task",)),
    "loop_errors": Figure("Errors that no task or callback caught.", ("code",)),
    "retries": Figure("Operations tried again after a transient failure.", ("operation",)),
    "breaker_refusals": Figure("Starts refused by an open circuit breaker.", ("agent",)),
    "pipeline_payloads": Figure(
        "Payloads of pipelines that ended.", ("pipeline", "event", "status")
    ),
    "metrics_misrecorded": Figure("Figures whose labels did not fit their metric."),
    "links_refused": Figure("Links to the socket that were refused.", ("reason",)),
}
GAUGES = {
    "sessions_active": Figure("Sessions that live."),
    "human_waiting": Figure("Attention items that wait for a person, snoozed ones left out."),
    "human_wait_seconds": Figure("How long the oldest of them has waited."),
    "command_queue_depth": Figure("Commands that wait for a worker."),
    "mailbox_depth": Figure("Commands that wait in the mailboxes of sessions."),
    "outbox_depth": Figure("Events and replies that wait for the slowest client."),
    "store_pending": Figure("Transactions that are not on disk yet."),
    "loop_lag_seconds": Figure("How long the event loop kept a ready task waiting."),
    "clients": Figure("Clients attached."),
    "rate_limiters": Figure("Token buckets held."),
    "workers_alive": Figure("Workers that run."),
    "uptime_seconds": Figure("Seconds since the engine started."),
    "health": Figure("0 healthy, 1 degraded, 2 unhealthy."),
}
HISTOGRAMS = {
    "command_duration_seconds": Figure("From taking a command in to its reply.", ("type",)),
    "dispatch_latency_seconds": Figure("From taking a command in to the start of its work."),
    "human_wait_duration_seconds": Figure(
        "From raising an attention item to closing it.", ("kind",), HUMAN
    ),
}


class PrometheusMetrics:
    """A ``MetricsCollector`` whose figures ``render`` gives in Prometheus's text form.

    A counter, gauge or histogram that isn't listed above is made at its first use, with the
    labels it has then; a name may stand with or without the prefix and ``_total``. Labels that
    don't fit are counted and logged, and nothing is raised.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._labelled: set[str] = set()
        self._counters = {n: self._counter(n, figure) for n, figure in COUNTERS.items()}
        self._gauges = {n: self._gauge(n, figure) for n, figure in GAUGES.items()}
        self._histograms = {n: self._histogram(n, figure) for n, figure in HISTOGRAMS.items()}

    def _note(self, name: str, figure: Figure) -> None:
        if figure.labels:
            self._labelled.add(name)

    def _counter(self, name: str, figure: Figure) -> Counter:
        self._note(name, figure)
        return Counter(
            name, figure.meaning, figure.labels, namespace=PREFIX, registry=self.registry
        )

    def _gauge(self, name: str, figure: Figure) -> Gauge:
        self._note(name, figure)
        return Gauge(name, figure.meaning, figure.labels, namespace=PREFIX, registry=self.registry)

    def _histogram(self, name: str, figure: Figure) -> Histogram:
        self._note(name, figure)
        return Histogram(
            name,
            figure.meaning,
            figure.labels,
            namespace=PREFIX,
            registry=self.registry,
            buckets=figure.buckets,
        )

    def record_command(self, command_type: str) -> None:
        """Count a command by its type."""
        self._counters["commands"].labels(command_type).inc()

    def record_command_duration(self, command_type: str, seconds: float) -> None:
        """Put a command's duration into its type's histogram."""
        self._histograms["command_duration_seconds"].labels(command_type).observe(seconds)

    def record_error(self, operation: str, error: BaseException | ErrorInfo) -> None:
        """Count an error by operation and code."""
        self._counters["command_errors"].labels(operation, error_code(error)).inc()

    def record_session_count(self, count: int) -> None:
        """Set the number of living sessions."""
        self._gauges["sessions_active"].set(count)

    def increment_counter(self, name: str, tags: Tags | None = None, by: float = 1) -> None:
        """Add ``by``."""
        counter = self._known(self._counters, self._counter, name, tags)
        if counter is not None:
            counter.inc(by)

    def set_gauge(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Set it."""
        gauge = self._known(self._gauges, self._gauge, name, tags)
        if gauge is not None:
            gauge.set(value)

    def observe(self, name: str, value: float, tags: Tags | None = None) -> None:
        """Put it into the histogram."""
        histogram = self._known(self._histograms, self._histogram, name, tags)
        if histogram is not None:
            histogram.observe(value)

    def _known(
        self,
        metrics: dict[str, M],
        make: Callable[[str, Figure], M],
        name: str,
        tags: Tags | None,
    ) -> M | None:
        """The metric ``name`` with these labels; ``None``, counted and logged, if it has others."""
        bare = name.removeprefix(f"{PREFIX}_").removesuffix("_total")
        given = dict(tags or {})
        try:
            if bare not in metrics:
                metrics[bare] = make(bare, Figure("Recorded under its own name.", tuple(given)))
            metric = metrics[bare]
            # One that has labels is no metric by itself: asking it without them is an error, too.
            return metric.labels(**given) if given or bare in self._labelled else metric
        except ValueError as error:
            self._counters["metrics_misrecorded"].inc()
            _log.warning("a figure can't be recorded", name=name, tags=given, why=error)
            return None

    def render(self) -> bytes:
        """Every figure in Prometheus's text form."""
        return generate_latest(self.registry)
