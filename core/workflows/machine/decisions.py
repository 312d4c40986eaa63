"""What goes into the machine about attempts, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run import Run

Start = tuple["Run", int, int]
"""Begin this attempt of this task of this run."""


class Outcome(StrEnum):
    """How an attempt ended.

    CONDITION: it was not wanted, since the task's own condition is false. LOST: its child is proven
    gone. STOPPED: it was ended because the machine asked for that.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CONDITION = "condition"
    LOST = "lost"
    STOPPED = "stopped"


class StopReason(StrEnum):
    """Why an attempt shall be ended."""

    TIMEOUT = "timeout"
    CANCEL = "cancelled"
    INTERRUPT = "interrupted"
    SIGNAL = "signal"


class ErrorType(StrEnum):
    """The kinds of failure and skipping that the machine itself decides on."""

    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    LOSSES = "recovery_limit"
    CHILDREN = "children"
    CONDITION = "condition"
    DEPENDENCY = "dependency"
    CANCELLED = "cancelled"
    DRAINED = "drained"
    CUT_SHORT = "CancelledError"


@dataclass(frozen=True, slots=True)
class Stop:
    """End this attempt, and report its end; its slot is held until then.

    After a ``SIGNAL`` the task has ended already, and nothing is to be reported.
    """

    run: Run
    task: int
    attempt: int
    reason: StopReason


@dataclass(frozen=True, slots=True)
class Drained:
    """What has changed since it was last asked for.

    ``changed`` has for each run the tasks that changed, each once, in the order of their first
    change; a run whose own status changed is in ``runs``, one that ended in ``ended``.
    """

    changed: list[tuple[Run, list[int]]]
    runs: list[Run]
    stops: list[Stop]
    ended: list[Run]
