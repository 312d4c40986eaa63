"""Executors of the kinds of tasks that workflow files have."""

from __future__ import annotations

from ..orchestrator import WorkflowOrchestrator
from .ports import REJECT, Gate, GateAnswer, Gates, Sessions
from .surroundings import OnOutput, Surroundings

__all__ = [
    "REJECT",
    "Gate",
    "GateAnswer",
    "Gates",
    "OnOutput",
    "Sessions",
    "Surroundings",
    "register_executors",
]


def register_executors(orchestrator: WorkflowOrchestrator, surroundings: Surroundings) -> None:
    """Let the orchestrator run every kind of task that workflow files have.

    The kinds are ``agent``, ``run``, ``python``, ``approve``, ``workflow`` and ``foreach``; ``wait_for``
    is built in. Call it before anything is recovered.
    """
