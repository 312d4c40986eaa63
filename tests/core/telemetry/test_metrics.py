"""Figures for Prometheus, the port they are read from, and the alert rules over them."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from quarterdeck.core.base.errors import Category, ErrorInfo, ResourceFault
from quarterdeck.core.protocol.views import Check, HealthStatus, HealthView
from quarterdeck.core.telemetry import ports
from quarterdeck.core.telemetry.collectors import metrics_for
from quarterdeck.core.telemetry.http import MetricsServer, PortTaken, PortUnusable
from quarterdeck.core.telemetry.ports import ExposedMetrics, NullMetrics, error_code
from quarterdeck.core.telemetry.prometheus import COUNTERS, GAUGES, HISTOGRAMS, PrometheusMetrics


def sample(metrics: PrometheusMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


# Collectors


def test_the_documents_metrics_have_their_names() -> None:
    metrics = PrometheusMetrics()
    metrics.record_command("session.create")
    metrics.record_command_duration("session.create", 0.2)
    metrics.record_error("session.create", ResourceFault("x"))
    metrics.record_session_count(4)
    metrics.increment_counter("rate_limit_hits", {"scope": "session"})
    metrics.increment_counter("events_dropped", by=3)
    assert sample(metrics, "quarterdeck_commands_total", type="session.create") == 1
    assert (
        sample(
            metrics, "quarterdeck_command_duration_seconds_bucket", type="session.create", le="0.25"
        )
        == 1
    )
    assert (
        sample(
            metrics, "quarterdeck_command_errors_total", type="session.create", code="unavailable"
        )
        == 1
    )
    assert sample(metrics, "quarterdeck_sessions_active") == 4
    assert sample(metrics, "quarterdeck_rate_limit_hits_total", scope="session") == 1
    assert sample(metrics, "quarterdeck_events_dropped_total") == 3


def test_ours_come_on_top() -> None:
    metrics = PrometheusMetrics()
    metrics.set_gauge("loop_lag_seconds", 0.5)
    metrics.observe("dispatch_latency_seconds", 0.002)
    metrics.observe("human_wait_duration_seconds", 20, {"kind": "approval"})
    assert sample(metrics, "quarterdeck_loop_lag_seconds") == 0.5
    assert sample(metrics, "quarterdeck_dispatch_latency_seconds_count") == 1
    assert sample(metrics, "quarterdeck_human_wait_duration_seconds_sum", kind="approval") == 20


def test_a_name_may_come_with_prefix_and_suffix() -> None:
    metrics = PrometheusMetrics()
    metrics.increment_counter("quarterdeck_events_dropped_total")
    metrics.increment_counter("events_dropped")
    assert sample(metrics, "quarterdeck_events_dropped_total") == 2


def test_a_name_of_its_own_is_made_at_first_use() -> None:
    metrics = PrometheusMetrics()
    for _ in range(2):
        metrics.increment_counter("dreams", {"colour": "blue"})
        metrics.set_gauge("depth", 3)
        metrics.observe("length", 2)
    assert sample(metrics, "quarterdeck_dreams_total", colour="blue") == 2
    assert sample(metrics, "quarterdeck_depth") == 3
    assert sample(metrics, "quarterdeck_length_count") == 2


def test_labels_that_do_not_fit_are_counted_and_raise_nothing() -> None:
    metrics = PrometheusMetrics()
    metrics.increment_counter("events_dropped", {"colour": "blue"})
    metrics.increment_counter("rate_limit_hits")
    metrics.set_gauge("clients", 1, {"colour": "blue"})
    metrics.observe("command_duration_seconds", 1)
    assert sample(metrics, "quarterdeck_metrics_misrecorded_total") == 4


def test_each_collector_has_a_registry_of_its_own() -> None:
    first, second = PrometheusMetrics(), PrometheusMetrics()
    first.record_session_count(3)
    assert sample(second, "quarterdeck_sessions_active") == 0


def test_errors_are_labelled_by_code_or_kind() -> None:
    info = ErrorInfo(code="rate_limited", category=Category.RESOURCE, message="m")
    assert error_code(info) == "rate_limited"
    assert error_code(ResourceFault("x")) == "unavailable"
    assert error_code(ValueError("x")) == "ValueError"
    assert error_code(SystemExit(3)) == "SystemExit"


def test_the_null_collector_takes_everything() -> None:
    metrics = NullMetrics()
    metrics.record_command("x")
    metrics.record_command_duration("x", 1)
    metrics.record_error("x", ValueError())
    metrics.record_session_count(1)
    metrics.increment_counter("x", {"a": "b"}, by=2)
    metrics.set_gauge("x", 1)
    metrics.observe("x", 1)
    assert not isinstance(metrics, ExposedMetrics)


def test_the_collector_is_chosen_by_the_settings() -> None:
    assert isinstance(metrics_for(prometheus=False), NullMetrics)
    assert isinstance(metrics_for(prometheus=True), ExposedMetrics)


def test_without_the_feature_its_library_is_not_loaded() -> None:
    program = (
        "import sys\n"
        "from quarterdeck.core.telemetry.collectors import metrics_for\n"
        "import quarterdeck.core.telemetry.http\n"
        "metrics_for(prometheus=False)\n"
        "print('prometheus_client' in sys.modules)\n"
        "metrics_for(prometheus=True)\n"
        "print('prometheus_client' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]


# The port


def health(status: HealthStatus = HealthStatus.HEALTHY) -> HealthView:
    return HealthView(
        status=status,
        active_sessions=5,
        rate_limiters=12,
        worker_count=3,
        max_sessions=10,
        uptime_seconds=3600,
        checks=(Check(name="store", status=status),),
    )


class Asked:
    """What the server asks: figures and health, which may fail."""

    def __init__(self) -> None:
        self.view = health()
        self.error: Exception | None = None

    async def render(self) -> bytes:
        if self.error:
            raise self.error
        return b"quarterdeck_up 1\n"

    async def health(self) -> HealthView:
        if self.error:
            raise self.error
        return self.view


@pytest.fixture
def asked() -> Asked:
    return Asked()


Starter = Callable[..., Awaitable[MetricsServer]]


@pytest.fixture
async def serve(asked: Asked) -> AsyncIterator[Starter]:
    started: list[MetricsServer] = []

    async def start(**options: Any) -> MetricsServer:
        server = MetricsServer(
            asked.render, asked.health, content_type="text/x", **{"port": 0, **options}
        )
        await server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        await server.close()


async def exchange(server: MetricsServer, request: bytes) -> tuple[str, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    async with asyncio.timeout(60):
        raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in fields), body


async def get(server: MetricsServer, path: str, method: str = "GET") -> tuple[str, Any, bytes]:
    return await exchange(server, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def test_metrics_are_served(serve: Starter) -> None:
    status, fields, body = await get(await serve(), "/metrics?x=1")
    assert status == "HTTP/1.1 200 OK"
    assert fields["Content-Type"] == "text/x"
    assert int(fields["Content-Length"]) == len(body)
    assert body == b"quarterdeck_up 1\n"


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (HealthStatus.HEALTHY, "200 OK"),
        (HealthStatus.DEGRADED, "200 OK"),
        (HealthStatus.UNHEALTHY, "503 Service Unavailable"),
    ],
)
async def test_health_is_served_with_a_code_that_tells_it(
    serve: Starter, asked: Asked, found: HealthStatus, status: str
) -> None:
    asked.view = health(found)
    answer, fields, body = await get(await serve(), "/health")
    assert answer == f"HTTP/1.1 {status}"
    assert fields["Content-Type"] == "application/json"
    said = json.loads(body)
    assert said["status"] == found.value
    assert said["active_sessions"] == 5
    assert said["checks"][0]["name"] == "store"


async def test_head_gives_the_same_without_a_body(serve: Starter) -> None:
    status, fields, body = await get(await serve(), "/metrics", "HEAD")
    assert (status, body) == ("HTTP/1.1 200 OK", b"")
    assert fields["Content-Length"] == "17"


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "404"),
        (b"GET /metrics/x HTTP/1.0\r\n\r\n", "404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405"),
        (b"nonsense\r\n\r\n", "400"),
        (b"\xff\xfe\r\n\r\n", "400"),
        (b"GET /metrics\r\n\r\n", "400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", "400"),
    ],
)
async def test_whatever_else_is_asked_gets_its_code(
    serve: Starter, request_line: bytes, code: str
) -> None:
    status, fields, _ = await exchange(await serve(), request_line)
    assert status.split()[1] == code
    assert ("Allow" in fields) is (code == "405")


async def test_a_failing_scrape_is_a_500_and_the_next_one_works(
    serve: Starter, asked: Asked
) -> None:
    server = await serve()
    asked.error = ValueError("x")
    assert (await get(server, "/metrics"))[0].split()[1] == "500"
    assert (await get(server, "/health"))[0].split()[1] == "500"
    asked.error = None
    assert (await get(server, "/metrics"))[0].split()[1] == "200"


async def test_a_scraper_that_says_nothing_is_let_go(serve: Starter) -> None:
    server = await serve(patience=0.02)
    assert await exchange_nothing(server) == b""


async def exchange_nothing(server: MetricsServer) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(60):
        raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return raw


async def test_a_scraper_that_leaves_early_disturbs_nothing(serve: Starter) -> None:
    server = await serve()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /met")
    writer.close()
    await writer.wait_closed()
    assert (await get(server, "/metrics"))[0].split()[1] == "200"


async def test_a_taken_port_is_named(serve: Starter) -> None:
    first = await serve()
    with pytest.raises(PortTaken) as caught:
        await serve(port=first.port)
    assert str(first.port) in caught.value.message
    assert caught.value.details["port"] == first.port
    assert caught.value.code == "port_taken"


async def test_an_address_that_is_not_ours_is_another_fault(serve: Starter) -> None:
    with pytest.raises(PortUnusable, match="can't be listened on"):
        await serve(host="192.0.2.1", port=9)


async def test_after_closing_the_port_is_free(serve: Starter) -> None:
    server = await serve()
    port = server.port
    await server.close()
    await server.close()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


# The alert rules

RULES = Path(ports.__file__).with_name("alerts.yml")
SUFFIXES = ("_total", "_bucket", "_sum", "_count")


def alert_metrics() -> set[str]:
    return set(re.findall(r"quarterdeck_\w+", re.sub(r"(?m)^#.*", "", RULES.read_text())))


def test_the_rules_speak_of_metrics_that_are_there() -> None:
    known = {f"quarterdeck_{name}_total" for name in COUNTERS}
    known |= {f"quarterdeck_{name}" for name in GAUGES}
    known |= {f"quarterdeck_{name}{end}" for name in HISTOGRAMS for end in SUFFIXES[1:]}
    assert alert_metrics() <= known
    assert len(alert_metrics()) > 8


def test_each_rule_has_an_expression_a_severity_and_a_summary() -> None:
    rules = RULES.read_text().split("- alert: ")[1:]
    assert len(rules) > 8
    for rule in rules:
        assert re.search(r"^        expr: \S", rule, re.MULTILINE)
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule)
        assert re.search(r'summary: ".+\."', rule)


def test_labels_in_expressions_are_those_of_their_metric() -> None:
    figures = {f"quarterdeck_{name}_total": figure for name, figure in COUNTERS.items()}
    for name, label in re.findall(r'(quarterdeck_\w+)\{(\w+)="', RULES.read_text()):
        assert label in figures[name].labels
