"""From a file's model to the definition that runs.

``agent_type`` is the kind: ``agent``, ``run``, ``python``, ``approve``, ``wait_for``, ``workflow``, ``emit``,
and ``foreach`` for a task that runs once for each item. What an executor of that kind needs stands in
the task's ``metadata``, as docs/workflows-format.md lists it; texts in it are templates still.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ...base.retry import RetryPolicy
from ..definition import PLACE, OnFailure, TaskDefinition, WorkflowDefinition
from ..encoding import task_values
from .model import (
    AgentEntry,
    EmitEntry,
    OutputsEntry,
    RetryEntry,
    TaskEntry,
    WorkEntry,
    WorkflowFile,
    kinds_of,
)
from .nesting import find_nested
from .templates import Scope, render
from .uses import speaks_of_item, task_references
from .values import resolve_moment

FOREACH = "foreach"
_SLOTLESS = frozenset({"approve", "wait_for", "workflow", FOREACH})


class Compiler:
    """Makes the definition of one file with one set of inputs."""

    def __init__(
        self,
        model: WorkflowFile,
        file: Path,
        inputs: Mapping[str, Any],
        directory: Path,
        now: datetime,
    ) -> None:
        self._model = model
        self._file = file
        self._inputs = dict(inputs)
        self._now = now
        self._scope = Scope(inputs=self._inputs)
        self._origin = {"name": model.name, "file": str(file), "directory": str(directory)}
        self._known = model.every_task()
        self._secrets = [name for name, entry in model.inputs.items() if entry.secret]

    def definition(self) -> WorkflowDefinition:
        """The whole of it."""
        model = self._model
        tasks = [self._task(name, task, final=False) for name, task in model.tasks.items()]
        tasks += [self._task(name, task, final=True) for name, task in model.finally_.items()]
        metadata: dict[str, Any] = {**self._origin, "inputs": self._inputs}
        if model.description:
            metadata["description"] = model.description
        if model.schedule is not None:
            metadata["schedule"] = model.schedule.model_dump()
        if self._secrets:
            metadata["secrets"] = self._secrets
        return WorkflowDefinition(
            name=model.name,
            tasks=tuple(tasks),
            on_failure=OnFailure(model.on_failure),
            limit=model.limit,
            groups=dict(model.concurrency),
            retry_policy=policy_of(model.retry),
            metadata=metadata,
        )

    def _task(self, name: str, task: TaskEntry, *, final: bool) -> TaskDefinition:
        # What a template speaks of has ended anyway; as a need its result is at hand, too.
        spoken = [
            one for one in sorted(task_references(task)) if one in self._known and one != name
        ]
        needs = tuple(dict.fromkeys([*task.needs, *spoken]))
        plain = self._plain(name, task, needs, final=final)
        return plain if task.foreach is None else self._fan_out(plain, task)

    def _plain(
        self, name: str, task: TaskEntry, needs: tuple[str, ...], *, final: bool
    ) -> TaskDefinition:
        kind = kinds_of(task)[0]
        metadata = self._metadata(name, kind, task)
        deadline = task.deadline
        return TaskDefinition(
            task_id=name,
            agent_id=str(metadata.get("agent", kind)),
            agent_type=kind,
            dependencies=needs,
            retry_policy=policy_of(task.retry),
            timeout=task.timeout,
            allow_failure=task.allow_failure,
            metadata=metadata,
            priority=task.priority,
            deadline=None if deadline is None else resolve_moment(deadline, self._now),
            group=task.group,
            slotless=kind in _SLOTLESS,
            final=final,
            placed=kind == "agent",
        )

    def _fan_out(self, plain: TaskDefinition, task: TaskEntry) -> TaskDefinition:
        """The task that makes children like ``plain``, one for each item."""
        foreach = task.foreach
        assert foreach is not None  # noqa: S101  # the caller saw it
        metadata = dict(plain.metadata)
        own: dict[str, Any] = {"workflow": metadata["workflow"]}
        if "when" in metadata and not (isinstance(task.when, str) and speaks_of_item(task.when)):
            own["when"] = metadata.pop("when")
        if self._secrets:
            own["secrets"] = self._secrets
        child = TaskDefinition(
            task_id=plain.task_id,
            agent_id=plain.agent_id,
            agent_type=plain.agent_type,
            retry_policy=plain.retry_policy,
            timeout=plain.timeout,
            metadata=metadata,
            priority=plain.priority,
            group=plain.task_id if foreach.at_once else plain.group,
            slotless=plain.slotless,
            placed=plain.placed,
        )
        own["foreach"] = {"items": foreach.items, "max": foreach.max, "at_once": foreach.at_once}
        own["each"] = task_values(child)
        return TaskDefinition(
            task_id=plain.task_id,
            agent_id=plain.agent_id,
            agent_type=FOREACH,
            dependencies=plain.dependencies,
            retry_policy=RetryPolicy(1),
            allow_failure=plain.allow_failure,
            metadata=own,
            priority=plain.priority,
            deadline=plain.deadline,
            slotless=True,
            final=plain.final,
        )

    def _metadata(self, name: str, kind: str, task: TaskEntry) -> dict[str, Any]:
        found: dict[str, Any] = {"workflow": self._origin}
        if task.description:
            found["description"] = task.description
        if task.when is not None:
            found["when"] = task.when
        if self._secrets:
            found["secrets"] = self._secrets
        found.update(self._early(self._own(kind, task), name, task))
        if kind in {"agent", "run", "python"}:
            env = {**self._model.env, **task.env}
            found["env"] = {key: env[key] for key in env}
            found["cwd"] = task.cwd or self._model.cwd
            if task.resources:
                found["resources"] = dict(task.resources)
            found["outputs"] = outputs_of(task.outputs, kind)
        return found

    def _own(self, kind: str, task: TaskEntry) -> dict[str, Any]:
        """What an executor of ``kind`` needs."""
        if task.approve is not None:
            return {"question": task.approve.question, "choices": dict(task.approve.choices)}
        if task.wait_for is not None:
            wait = task.wait_for
            return {"signal": wait.event if wait.key is None else f"{wait.event}:{wait.key}"}
        if task.emit is not None:
            return _emit(task.emit)
        return work_of(kind, task, self._file)

    def _early(self, own: dict[str, Any], name: str, task: TaskEntry) -> dict[str, Any]:
        """``own`` with that rendered which must be known before anything runs."""
        if task.foreach is None:
            for key in ("agent", "signal"):
                if key in own:
                    own[key] = render(own[key], self._scope, f"tasks.{name}.{key}")
        return own


def work_of(kind: str, entry: WorkEntry, file: Path) -> dict[str, Any]:
    """What an executor of a kind that does work needs; ``file`` is the one that ``entry`` stands in."""
    if kind == "agent":
        told = {"prompt": entry.prompt, "mode": entry.mode or "session", "keep": entry.keep}
        return told if entry.agent is None else {**agent_of(entry.agent), **told}
    if kind == "run":
        return {"command": entry.run, "shell": entry.shell}
    if kind == "python":
        return {"function": entry.python, "trusted": entry.trusted, "with": entry.with_}
    return {"file": str(find_nested(str(entry.workflow), file)), "inputs": entry.inputs}


def _emit(emit: EmitEntry) -> dict[str, Any]:
    priority = None if emit.priority is None else emit.priority.name.lower()
    return {"pipeline": emit.pipeline, "event": emit.event, "data": emit.data, "priority": priority}


def agent_of(entry: AgentEntry) -> dict[str, Any]:
    """The agent, and by what it is chosen where there is a choice."""
    if not entry.chosen:
        return {"agent": entry.name}
    place: dict[str, Any] = {"any_of": entry.any_of, "capabilities": entry.capabilities}
    if entry.affinity is not None:
        place["affinity"] = entry.affinity
    return {"agent": entry.name, PLACE: place}


def outputs_of(outputs: OutputsEntry | None, kind: str) -> dict[str, Any]:
    """What a piece of work leaves behind, as executors read it."""
    given = outputs or OutputsEntry.model_validate({})
    found: dict[str, Any] = {"files": dict(given.files)}
    if kind == "run":
        found["stdout"] = given.stdout or "text"
    if given.schema_ is not None:
        found["schema"] = given.schema_
    return found


def policy_of(retry: RetryEntry | None) -> RetryPolicy | None:
    """How often, and when, it is tried again."""
    if retry is None:
        return None
    return RetryPolicy(
        max_attempts=retry.attempts,
        initial_delay=retry.initial,
        max_delay=retry.max,
        exponential_base=retry.base,
        jitter=retry.jitter,
    )
