"""What an update makes of a record: the fields given, and the stamps that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ..base.clock import require_aware
from .records import TaskRecord, WorkflowRecord
from .state_faults import StateInvalid
from .statuses import DONE, ENDED, TaskStatus, WorkflowStatus

CREATED: Final = 1
"""The first version of every workflow."""

UNSET: Final[Any] = object()
"""Stands for a field that is left as it is, since ``None`` is a value like any other."""


def changed_task(record: TaskRecord, given: Mapping[str, Any], at: datetime) -> TaskRecord:
    """``record`` with what is given; ``UNSET`` fields stay, stamps follow from the status.

    :raises StateInvalid: if a stamp has no time zone, or there is no such status.
    """
    values = _checked(given, TaskStatus)
    status = values.get("status")
    if status is TaskStatus.RUNNING:
        values = {"started_at": at, "ended_at": None, "next_attempt_at": None} | values
        values.setdefault("attempt", max(record.attempt, 1))
    elif status in DONE:
        values = {"ended_at": at, "next_attempt_at": None, "child": None} | values
    return replace(record, **values)


def changed_workflow(
    record: WorkflowRecord, given: Mapping[str, Any], at: datetime
) -> WorkflowRecord:
    """``record`` with what is given, as ``changed_task`` does it.

    :raises StateInvalid: if there is no such status.
    """
    values = _checked(given, WorkflowStatus)
    status = values.get("status")
    if status is WorkflowStatus.RUNNING:
        values = {"started_at": record.started_at or at, "ended_at": None} | values
    elif status in ENDED:
        values = {"ended_at": at} | values
    return replace(record, **values)


def _checked(
    given: Mapping[str, Any], statuses: type[TaskStatus | WorkflowStatus]
) -> dict[str, Any]:
    values = {name: value for name, value in given.items() if value is not UNSET}
    try:
        if "status" in values:
            values["status"] = statuses(values["status"])
        for name, value in values.items():
            if isinstance(value, datetime):
                values[name] = require_aware(value, name)
    except ValueError as error:
        raise StateInvalid(str(error)) from error
    return values
