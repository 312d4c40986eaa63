"""Definitions and values as the JSON text that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from ..base.clock import require_aware
from ..base.priority import Priority
from ..base.retry import RetryPolicy
from .definition import OnFailure, TaskDefinition, WorkflowDefinition
from .state_faults import StateInvalid


def value_text(value: Any, what: str) -> str:
    """``value`` as JSON text.

    :raises StateInvalid: if it is no JSON; ``what`` names it in the message.
    """
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise StateInvalid(
            f"{what} can't be kept, since it is no JSON: {error}. Use None, booleans, numbers, "
            "text, lists and dictionaries with text as keys."
        ) from error


def definition_text(definition: WorkflowDefinition) -> str:
    """A definition as JSON text, whole.

    :raises StateInvalid: if metadata are no JSON, or a deadline has no time zone.
    """
    return value_text(
        {
            "name": definition.name,
            "on_failure": definition.on_failure.value,
            "limit": definition.limit,
            "groups": dict(definition.groups),
            "retry_policy": _policy(definition.retry_policy),
            "metadata": dict(definition.metadata),
            "tasks": [task_values(task) for task in definition.tasks],
        },
        f"the definition of {definition.name!r}",
    )


def task_values(task: TaskDefinition) -> dict[str, Any]:
    """A task's definition as JSON's values.

    :raises StateInvalid: if the deadline has no time zone.
    """
    return {
        "task_id": task.task_id,
        "agent_id": task.agent_id,
        "agent_type": task.agent_type,
        "dependencies": list(task.dependencies),
        "retry_policy": _policy(task.retry_policy),
        "timeout": task.timeout,
        "allow_failure": task.allow_failure,
        "metadata": dict(task.metadata),
        "priority": task.priority.value,
        "deadline": _stamp(task.deadline, f"the deadline of {task.task_id!r}"),
        "group": task.group,
        "slotless": task.slotless,
        "final": task.final,
        "placed": task.placed,
    }


def settled(definition: WorkflowDefinition) -> WorkflowDefinition:
    """``definition`` as it is read back when it was kept: nothing in it is anybody else's.

    :raises StateInvalid: if metadata are no JSON.
    """
    return replace(
        definition,
        tasks=tuple([_settled_task(task) for task in definition.tasks]),
        groups=dict(definition.groups),
        metadata=_copied(definition.metadata, f"the metadata of {definition.name!r}"),
    )


def _settled_task(task: TaskDefinition) -> TaskDefinition:
    if type(task.dependencies) is tuple and not task.metadata:
        return task
    metadata = _copied(task.metadata, f"the metadata of {task.task_id!r}")
    return replace(task, dependencies=tuple(task.dependencies), metadata=metadata)


def _copied(values: Mapping[str, Any], what: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(value_text(dict(values), what)) if values else {}
    return found


def definition_of(text: str) -> WorkflowDefinition:
    """The definition in ``text``."""
    values = json.loads(text)
    return WorkflowDefinition(
        name=values["name"],
        tasks=tuple(task_of(task) for task in values["tasks"]),
        on_failure=OnFailure(values["on_failure"]),
        limit=values["limit"],
        groups=values["groups"],
        retry_policy=_policy_of(values["retry_policy"]),
        metadata=values["metadata"],
    )


def task_of(values: Mapping[str, Any]) -> TaskDefinition:
    """The task's definition in JSON's ``values``."""
    deadline = values["deadline"]
    return (
        TaskDefinition(  # by position: a workflow may have thousands, and names cost a third more
            values["task_id"],
            values["agent_id"],
            values["agent_type"],
            tuple(values["dependencies"]),
            _policy_of(values["retry_policy"]),
            values["timeout"],
            values["allow_failure"],
            values["metadata"],
            _PRIORITIES[values["priority"]],
            None if deadline is None else datetime.fromisoformat(deadline),
            values["group"],
            values["slotless"],
            values["final"],
            values.get("placed", False),
        )
    )


_PRIORITIES = {one.value: one for one in Priority}


def _policy(policy: RetryPolicy | None) -> dict[str, Any] | None:
    return None if policy is None else asdict(policy)


def _policy_of(values: Mapping[str, Any] | None) -> RetryPolicy | None:
    return None if values is None else RetryPolicy(**values)


def _stamp(stamp: datetime | None, what: str) -> str | None:
    if stamp is None:
        return None
    try:
        return require_aware(stamp, what).isoformat()
    except ValueError as error:
        raise StateInvalid(str(error)) from error
