"""What a workflow may wait for from outside: events, and answers that are given ahead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from ...base.errors import ValidationFault
from ...workflows.definition import TaskDefinition, WorkflowDefinition
from ...workflows.encoding import task_of
from ...workflows.executors.approve import ALL, NONE, choice_ahead
from ...workflows.files.templates import is_template

EVERY = "*"
"""Stands for every question that is not named."""

_AHEAD = {"yes": ALL, "no": NONE}


class ApprovalUnknown(ValidationFault):
    """An answer was given ahead to a question that the workflow does not ask."""

    code = "approval_unknown"


class EventUnknown(ValidationFault):
    """No task of the workflow waits for an event of this name."""

    code = "awaited_event_unknown"


def check_event(definition: WorkflowDefinition, name: str) -> None:
    """Nothing, if a task waits for this event, or may: what its name is made of is not known yet.

    :raises EventUnknown: if none does; the message says which there are.
    """
    awaited = set(_awaited(definition.tasks))
    if name in awaited or any(map(is_template, awaited)):
        return
    if not awaited:
        told = "none of its tasks waits for an event."
    else:
        near = difflib.get_close_matches(name, awaited, n=1) or sorted(awaited)
        told = f"it waits for {', '.join(near)}."
    raise EventUnknown(f"The workflow {definition.name} does not know the event {name!r}: {told}")


def _awaited(tasks: Iterable[TaskDefinition]) -> Iterable[str]:
    for task in tasks:
        if "signal" in task.metadata:
            yield str(task.metadata["signal"])
        if "each" in task.metadata:
            yield from _awaited([task_of(task.metadata["each"])])


def check_approvals(definition: WorkflowDefinition, given: Mapping[str, str]) -> None:
    """See that the answers ahead belong to questions.

    :raises ApprovalUnknown: if one does not.
    """
    asking: dict[str, Mapping[str, str]] = {}
    for task in definition.tasks:
        choices = task.metadata.get("each", {}).get("metadata", task.metadata).get("choices")
        if choices is not None:
            asking[task.task_id] = choices
    nested = any(task.agent_type == "workflow" for task in definition.tasks)
    for name, answer in given.items():
        if name == EVERY:
            if answer not in _AHEAD:
                known = " or ".join(_AHEAD)
                raise ApprovalUnknown(f"All questions are answered {known}, not {answer!r}.")
        elif name in asking:
            meant = {name: _AHEAD.get(answer, answer)}
            if choice_ahead(meant, name, asking[name]) is None:
                known = ", ".join((*_AHEAD, *asking[name]))
                raise ApprovalUnknown(f"{name} is answered with one of {known}, not {answer!r}.")
        elif not nested:
            known = ", ".join(asking) or "none"
            raise ApprovalUnknown(f"No task {name!r} asks a person; those that do: {known}.")


def answers_ahead(given: Mapping[str, str]) -> dict[str, str]:
    """The answers as they are kept, by task."""
    return {name: _AHEAD.get(answer, answer) for name, answer in given.items()}
