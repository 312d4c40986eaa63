"""What executors of tasks from files need: values for the templates, conditions, fan-outs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..context import FanOut, TaskExecutionContext
from ..definition import TaskDefinition
from ..encoding import task_of
from .environment import text_of
from .faults import FanOutTooLarge, TemplateFailed
from .templates import Scope, holds, render, render_text


def scope_of(
    context: TaskExecutionContext,
    *,
    statuses: Mapping[str, str] | None = None,
    outputs: Mapping[str, Mapping[str, str]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Scope:
    """The values for the templates of one attempt.

    ``statuses`` and ``outputs`` (paths of files by name) are those of the tasks it depends on; a
    dependency without a result counts as failed where no status is given. Variables that are
    passed through are taken from ``environment`` (the process's own), and are secrets.

    :raises TemplateFailed: if a variable that is passed through is not set.
    """
    metadata = context.task_def.metadata
    inputs = dict(context.inputs or metadata.get("inputs", {}))
    secrets = {str(inputs[name]) for name in metadata.get("secrets", ()) if inputs.get(name)}
    scope = Scope(
        inputs=inputs,
        tasks=_tasks(context, statuses or {}, outputs or {}),
        handoff={} if context.workflow_context is None else context.workflow_context.to_dict(),
        workflow={"id": context.workflow_id, **metadata.get("workflow", {})},
        loop=metadata.get("loop", {}),
        around=metadata.get("names", {}),
        secrets=frozenset(secrets),
    )
    declared: Mapping[str, str | None] = metadata.get("env", {})
    around = os.environ if environment is None else environment
    env = {name: _variable(name, value, scope, around) for name, value in declared.items()}
    passed = {env[name] for name, value in declared.items() if value is None}
    return replace(scope, env=env, secrets=scope.secrets | passed)


def wanted(task: TaskDefinition, scope: Scope) -> bool:
    """Whether the task's own condition holds; without one it does.

    :raises TemplateFailed: if it can't be told.
    """
    return holds(task.metadata.get("when", True), scope, f"when of {task.task_id}")


def rendered(task: TaskDefinition, scope: Scope, *keys: str) -> dict[str, Any]:
    """Those entries of the task's ``metadata`` that are there, with their templates rendered.

    :raises TemplateFailed: if one can't be.
    """
    return {
        key: render(task.metadata[key], scope, f"{key} of {task.task_id}")
        for key in keys
        if key in task.metadata
    }


def command_of(task: TaskDefinition, scope: Scope) -> list[str] | str:
    """A ``run`` task's command with its templates rendered: words, or one line for the shell.

    :raises TemplateFailed: if one can't be.
    """
    found = rendered(task, scope, "command")["command"]
    return [text_of(word) for word in found] if isinstance(found, list) else text_of(found)


def fan_out(task: TaskDefinition, scope: Scope) -> FanOut:
    """The children of a ``foreach`` task: ``NAME[0]``, ``NAME[1]``, ...

    :raises TemplateFailed: if the list, or a child's agent or event, can't be rendered.
    :raises FanOutTooLarge: if it is no list, or longer than its bound.
    """
    settings: Mapping[str, Any] = task.metadata["foreach"]
    items = render(settings["items"], scope, f"foreach of {task.task_id}")
    if not isinstance(items, list):
        raise FanOutTooLarge(
            f"foreach of {task.task_id} gives a {type(items).__name__}, not a list.",
            task=task.task_id,
        )
    if len(items) > settings["max"]:
        raise FanOutTooLarge(
            f"foreach of {task.task_id} gives {len(items)} items, and its max is "
            f"{settings['max']}. Raise max, or give less.",
            task=task.task_id,
        )
    each = task_of(task.metadata["each"])
    # Children depend on nothing: what their templates may speak of is what their parent needed.
    each = replace(each, metadata={**each.metadata, "needs": list(task.dependencies)})
    children = [_child(each, item, index, scope) for index, item in enumerate(items)]
    bound = settings["at_once"]
    return FanOut(children, {task.task_id: bound} if bound else {})


def _child(each: TaskDefinition, item: Any, index: int, scope: Scope) -> TaskDefinition:
    loop = {each.metadata.get("item", "item"): item, "index": index}
    metadata = {**each.metadata, "loop": loop}
    inner = replace(scope, loop=loop)
    for key in ("agent", "signal"):
        if key in metadata:
            metadata[key] = render_text(metadata[key], inner, f"{key} of {each.task_id}[{index}]")
    return replace(
        each,
        task_id=f"{each.task_id}[{index}]",
        agent_id=metadata.get("agent", each.agent_id),
        metadata=metadata,
    )


def _tasks(
    context: TaskExecutionContext,
    statuses: Mapping[str, str],
    outputs: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, Any]]:
    results = {one["task_id"]: one["result"]["data"] for one in context.previous_results}
    task = context.task_def
    names = dict.fromkeys([*task.dependencies, *task.metadata.get("needs", ()), *results])
    return {
        name: {
            "result": results.get(name),
            "status": statuses.get(name, "completed" if name in results else "failed"),
            "outputs": dict(outputs.get(name, {})),
        }
        for name in names
    }


def _variable(name: str, value: str | None, scope: Scope, environment: Mapping[str, str]) -> str:
    if value is not None:
        return render_text(value, scope, f"env.{name}")
    if name not in environment:
        raise TemplateFailed(f"The environment has no {name}, which is to be passed through.")
    return environment[name]
