"""What the executors work with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...base.clock import SYSTEM_CLOCK, Clock
from ...sessions.agents.definition import AgentDefinition
from ...telemetry.redaction import Redactor
from ..backends.ports import Backend
from .ports import Gates, Sessions

OnOutput = Callable[[str, str, int, int], None]
"""Called with workflow_id, task_id, attempt and the size of the log in bytes."""


def _unheard(_workflow_id: str, _task_id: str, _attempt: int, _size: int) -> None:
    """Nobody follows."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the executors of one orchestrator work with.

    Logs and files that attempts leave lie under ``state_dir``. ``backend`` runs processes; its owner
    opens and closes it, before and after the orchestrator's work. Without ``sessions`` tasks of agents with ``mode: session`` are refused at
    creation. Variables that tasks pass through are taken from
    ``environment``; what else processes have is the back end's. ``python`` runs functions.
    ``session_kept`` is how long (seconds) the ended session of an attempt is kept for looking at.
    """

    state_dir: Path
    backend: Backend
    gates: Gates
    sessions: Sessions | None = None
    agents: Mapping[str, AgentDefinition] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    python: str = sys.executable
    on_output: OnOutput = _unheard
    redactor: Redactor = field(default_factory=Redactor)
    clock: Clock = SYSTEM_CLOCK
    session_kept: float = 3600.0

    @property
    def artifacts(self) -> Path:
        """Where logs and files of attempts lie."""
        return self.state_dir / "artifacts"
