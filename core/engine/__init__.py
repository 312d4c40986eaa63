"""The engine: commands in, events out. Public names, each loaded at its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazy_names

if TYPE_CHECKING:
    from ..protocol.views import HealthView as HealthView
    from ..safety.limiter import BucketCache as LRURateLimiter
    from ..settings.model import EngineSettings as Config
    from ..settings.model import PrometheusSettings as PrometheusConfig
    from ..settings.model import Settings as Settings
    from ..settings.model import default_config as default_config
    from ..telemetry.ports import MetricsCollector as MetricsCollector
    from .building import new_engine as new_engine
    from .building import new_with_prometheus_metrics as new_with_prometheus_metrics
    from .connections import LocalEndpoint as LocalEndpoint
    from .engine import Engine as Engine
    from .engine import EngineStatistics as EngineStatistics
    from .engine import Phase as Phase
    from .faults import AgentUnavailable as AgentUnavailable
    from .faults import EngineNotRunning as EngineNotRunning
    from .faults import EngineRunning as EngineRunning
    from .faults import Internal as Internal
    from .faults import RateLimited as RateLimited
    from .faults import SessionBusy as SessionBusy
    from .faults import ShuttingDown as ShuttingDown
    from .journal import Journal as Journal
    from .ports import SessionService as SessionService
    from .ports import Store as Store

__getattr__ = lazy_names(
    __name__,
    {
        "AgentUnavailable": ".faults",
        "Config": "..settings.model:EngineSettings",
        "Engine": ".engine",
        "EngineNotRunning": ".faults",
        "EngineRunning": ".faults",
        "EngineStatistics": ".engine",
        "HealthView": "..protocol.views",
        "Internal": ".faults",
        "Journal": ".journal",
        "LRURateLimiter": "..safety.limiter:BucketCache",
        "LocalEndpoint": ".connections",
        "MetricsCollector": "..telemetry.ports",
        "Phase": ".engine",
        "PrometheusConfig": "..settings.model:PrometheusSettings",
        "RateLimited": ".faults",
        "SessionBusy": ".faults",
        "SessionService": ".ports",
        "Settings": "..settings.model",
        "ShuttingDown": ".faults",
        "Store": ".ports",
        "default_config": "..settings.model",
        "new_engine": ".building",
        "new_with_prometheus_metrics": ".building",
    },
)

__all__ = [
    "AgentUnavailable",
    "Config",
    "Engine",
    "EngineNotRunning",
    "EngineRunning",
    "EngineStatistics",
    "HealthView",
    "Internal",
    "Journal",
    "LRURateLimiter",
    "LocalEndpoint",
    "MetricsCollector",
    "Phase",
    "PrometheusConfig",
    "RateLimited",
    "SessionBusy",
    "SessionService",
    "Settings",
    "ShuttingDown",
    "Store",
    "default_config",
    "new_engine",
    "new_with_prometheus_metrics",
]
