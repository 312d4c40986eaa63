"""Answers that are given ahead to a workflow's questions."""

from __future__ import annotations

from collections.abc import Mapping

from ...base.errors import ValidationFault
from ...workflows.definition import WorkflowDefinition
from ...workflows.executors.approve import ALL, NONE, choice_ahead

EVERY = "*"
"""Stands for every question that is not named."""

MEANINGS = {"yes": ALL, "no": NONE}


class ApprovalUnknown(ValidationFault):
    """An answer was given ahead to a question that the workflow does not ask."""

    code = "approval_unknown"


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
            if answer not in MEANINGS:
                known = " or ".join(MEANINGS)
                raise ApprovalUnknown(f"All questions are answered {known}, not {answer!r}.")
        elif name in asking:
            meant = {name: MEANINGS.get(answer, answer)}
            if choice_ahead(meant, name, asking[name]) is None:
                known = ", ".join((*MEANINGS, *asking[name]))
                raise ApprovalUnknown(f"{name} is answered with one of {known}, not {answer!r}.")
        elif not nested:
            known = ", ".join(asking) or "none"
            raise ApprovalUnknown(f"No task {name!r} asks a person; those that do: {known}.")
