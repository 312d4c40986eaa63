"""Scheduling: which agent takes which task, and when. Names are loaded at their first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..base.lazy import find_name

if TYPE_CHECKING:
    from .faults import AgentKnown, AgentUnknown, SchedulerFull, SchedulerStopped, TaskUnknown
    from .model import (
        AgentCapacity,
        LoadBalanceStrategy,
        Task,
        TaskPriority,
        TaskSchedulerConfig,
        TaskState,
    )
    from .scheduler import TaskScheduler
    from .statistics import AgentStatistics, GroupStatistics, SchedulerStatistics, Waiting

_HOMES = {
    "AgentCapacity": ".model",
    "AgentKnown": ".faults",
    "AgentStatistics": ".statistics",
    "AgentUnknown": ".faults",
    "GroupStatistics": ".statistics",
    "LoadBalanceStrategy": ".model",
    "SchedulerFull": ".faults",
    "SchedulerStatistics": ".statistics",
    "SchedulerStopped": ".faults",
    "Task": ".model",
    "TaskPriority": ".model",
    "TaskScheduler": ".scheduler",
    "TaskSchedulerConfig": ".model",
    "TaskState": ".model",
    "TaskUnknown": ".faults",
    "Waiting": ".statistics",
}

__all__ = [
    "AgentCapacity",
    "AgentKnown",
    "AgentStatistics",
    "AgentUnknown",
    "GroupStatistics",
    "LoadBalanceStrategy",
    "SchedulerFull",
    "SchedulerStatistics",
    "SchedulerStopped",
    "Task",
    "TaskPriority",
    "TaskScheduler",
    "TaskSchedulerConfig",
    "TaskState",
    "TaskUnknown",
    "Waiting",
]


def __getattr__(name: str) -> Any:
    return find_name(__name__, name, _HOMES)
