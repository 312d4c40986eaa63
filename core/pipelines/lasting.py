"""Failures after which another attempt would fail in the same way."""

from __future__ import annotations

from ..base.errors import ValidationFault, known_errors
from ..safety.budgets import BudgetExceeded
from ..safety.monitor import OperationRefused
from ..workflows.context import PermanentFailure
from ..workflows.executors.faults import (
    CommandMissing,
    FunctionMissing,
    OutputMissing,
    ResultTooLarge,
    ResultUnfit,
    ResultUnreadable,
)
from ..workflows.faults import ExecutorMissing
from ..workflows.files.faults import FileUnreadable
from ..workflows.state_faults import StateInvalid
from .definition import HandlerDefinition
from .faults import EventUnknown, HandlerGone, HandlerHopeless

_HOPELESS = (
    BudgetExceeded, CommandMissing, ExecutorMissing, FileUnreadable, FunctionMissing, HandlerGone,
    HandlerHopeless, OperationRefused, PermanentFailure, StateInvalid, ValidationFault,
)  # fmt: skip
_SHAPES = (EventUnknown, OutputMissing, ResultTooLarge, ResultUnfit, ResultUnreadable)
"""What is wrong with a result; an agent may give another one the next time."""


def lasts(error: BaseException, handler: HandlerDefinition, *, answered: bool) -> bool:
    """Whether a handler's next attempt would fail in the same way.

    ``answered``: its work was done, and what follows from the result failed.
    """
    if _may_differ(handler) and (answered or isinstance(error, _SHAPES)):
        return False
    return isinstance(error, (*_HOPELESS, *_SHAPES)) or (answered and isinstance(error, TypeError))


def lasts_by_name(error_type: str | None, handler: HandlerDefinition) -> bool:
    """The same of an error that a task's state names by its class."""
    shapes = () if _may_differ(handler) else _SHAPES
    found = (one for one in known_errors() if one.__name__ == error_type)
    return any(issubclass(one, (*_HOPELESS, *shapes)) for one in found)


def _may_differ(handler: HandlerDefinition) -> bool:
    """Whether another result may come of the same work: an agent does it, or may take part in it."""
    return handler.task.agent_type in {"agent", "foreach", "workflow"}
