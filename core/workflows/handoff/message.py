"""The message of a handoff, as objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = "1.0"
"""The version of the schema that messages are made by."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who hands over; ``execution_time`` is in seconds."""

    agent_id: str
    agent_type: str
    execution_time: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Who takes over, and what that agent must be able to do."""

    agent_id: str
    agent_type: str
    requirements: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Context:
    """What the target needs to know; entries are JSON objects as the schema says."""

    task_description: str
    previous_results: list[dict[str, Any]] = field(default_factory=list)
    conversation_history: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    user_preferences: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work came; ``percentage`` is from 0 to 100."""

    completed_steps: list[str] = field(default_factory=list)
    pending_steps: list[str] = field(default_factory=list)
    percentage: float = 0


@dataclass(frozen=True, slots=True)
class State:
    """Variables, progress, and the errors so far."""

    variables: dict[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Metadata:
    """``timeout`` is in seconds, from the message's stamp to its completion."""

    priority: str = "normal"
    timeout: float | None = None
    retry_count: int = 0
    tags: list[str] = field(default_factory=list)
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandoffContext:
    """One handoff. Not changed in place: each step of the work makes a new one."""

    handoff_id: str
    source: Source
    target: Target
    context: Context
    timestamp: str
    workflow_id: str | None = None
    state: State = field(default_factory=State)
    metadata: Metadata = field(default_factory=Metadata)
    version: str = VERSION

    def to_dict(self) -> dict[str, Any]:
        """The message as JSON's values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HandoffContext:
        """The message in ``values``, which are valid."""
        state = values["state"]
        return cls(
            handoff_id=values["handoff_id"],
            source=Source(**values["source"]),
            target=Target(**values["target"]),
            context=Context(**values["context"]),
            timestamp=values["timestamp"],
            workflow_id=values.get("workflow_id"),
            state=State(**{**state, "progress": Progress(**state["progress"])}),
            metadata=Metadata(**values["metadata"]),
            version=values["version"],
        )
