"""Typed settings, where each value comes from, and what is wrong with them."""

from .faults import Fault, SettingsInvalid
from .loading import (
    FILE_NAME,
    PROFILES,
    Examined,
    Kind,
    Loaded,
    Origin,
    check_files,
    config_files,
    examine,
    load_settings,
)
from .model import (
    CrewSettings,
    EngineSettings,
    PrometheusSettings,
    SessionSettings,
    Settings,
    StateSettings,
    TerminalSettings,
    UiSettings,
    WorkflowSettings,
    default_config,
)

__all__ = [
    "FILE_NAME",
    "PROFILES",
    "CrewSettings",
    "EngineSettings",
    "Examined",
    "Fault",
    "Kind",
    "Loaded",
    "Origin",
    "PrometheusSettings",
    "SessionSettings",
    "Settings",
    "SettingsInvalid",
    "StateSettings",
    "TerminalSettings",
    "UiSettings",
    "WorkflowSettings",
    "check_files",
    "config_files",
    "default_config",
    "examine",
    "load_settings",
]
