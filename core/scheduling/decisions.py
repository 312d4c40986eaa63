"""What the machine tells its driver to do, and what the driver tells it of attempts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .model import Task, TaskState


@dataclass(frozen=True, slots=True)
class Start:
    """Begin this attempt of a task on its assigned agent."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop this attempt; tell the machine when it has ended."""

    task: Task
    attempt: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A task became ``state``."""

    task: Task
    state: TaskState


Decision = Start | Stop | Changed


class ErrorType(StrEnum):
    """Why a task did not end well, where it was not its own exception."""

    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    DEPENDENCY = "dependency"
    LOSSES = "losses"
    CANCELLED = "cancelled"
