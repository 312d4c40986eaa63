"""Where the child of an attempt is to be found again, as it is kept with its task."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..context import AttemptLost, TaskExecutionContext


class ChildKind(StrEnum):
    """What an attempt's child is."""

    PROCESS = "process"
    SESSION = "session"
    WORKFLOW = "workflow"
    GATE = "gate"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Child:
    """``place`` is what finds it: a back end's place, a session's id, a workflow's id.

    ``attempt`` is the one it belongs to; ``more`` is its executor's own.
    """

    kind: ChildKind
    attempt: int
    place: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As it is kept in ``TaskRecord.child``."""
        values: dict[str, Any] = {"kind": self.kind, "attempt": self.attempt, "place": self.place}
        if self.more:
            values["more"] = self.more
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str | None) -> Child | None:
        """The child that ``text`` tells of; ``None`` where it tells of none of ours."""
        try:
            values = json.loads(text or "")
            kind, attempt, place = values["kind"], values["attempt"], values["place"]
            return cls(ChildKind(kind), int(attempt), str(place), dict(values.get("more", {})))
        except (ValueError, TypeError, KeyError):
            return None


def kept_child(context: TaskExecutionContext, kind: ChildKind) -> Child:
    """The child of the attempt that is adopted.

    :raises AttemptLost: if none is kept, or that of an earlier attempt.
    """
    child = Child.parse(context.child)
    if child is None or child.kind is not kind or child.attempt != context.attempt:
        raise AttemptLost(f"{context.task_def.task_id}: nothing tells where its attempt was begun.")
    return child
