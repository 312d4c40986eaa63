"""The words for how attempts end, and why."""

from __future__ import annotations

from enum import StrEnum


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
    """The kinds of failure and skipping that the machine itself decides on.

    RETIRED: a part of a fan-out that began anew, which has not taken it up again.
    """

    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    LOSSES = "recovery_limit"
    CHILDREN = "children"
    CONDITION = "condition"
    RETIRED = "retired"
    DEPENDENCY = "dependency"
    CANCELLED = "cancelled"
    DRAINED = "drained"
    CUT_SHORT = "CancelledError"
