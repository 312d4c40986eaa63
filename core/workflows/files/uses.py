"""Every template of a file, and whether what it refers to is there when it is rendered."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from .checks import Checked
from .judging import Judge, Use, values_at
from .model import AgentEntry, TaskEntry, WorkEntry
from .reading import KeyPath
from .references import Reference, look_into
from .shapes import nearest
from .templates import NAMES, condition_text, is_template

TASK_KEYS = ("result", "status", "outputs")
WORKFLOW_KEYS = ("id", "name", "file", "directory")
EARLY = frozenset({"inputs", "item", "index"})
"""What is known before anything has run."""


def uses_of(task: TaskEntry, path: KeyPath) -> Iterator[Use]:
    """The templates of one task."""
    item = task.foreach is not None
    if task.foreach is not None:
        for at, text in values_at(task.foreach.items, (*path, "foreach", "items")):
            yield Use(at, text, item=False)
    yield from (replace(use, item=item) for use in uses_of_work(task, path))
    for key, value, early in _fields(task):
        for at, text in values_at(value, (*path, *key.split("."))):
            if is_template(text):
                yield Use(at, text, early=early, item=item)


def uses_of_work(entry: WorkEntry, path: KeyPath) -> Iterator[Use]:
    """The templates of what a piece of work of any kind has."""
    if isinstance(entry.when, str):
        yield Use((*path, "when"), condition_text(entry.when))
    for key in ("agent", "prompt", "run", "with_", "inputs", "env", "cwd"):
        value = getattr(entry, key)
        if isinstance(value, AgentEntry):
            value = value.name
        shell = key == "run" and isinstance(value, str)
        for at, text in values_at(value, (*path, key.rstrip("_"))):
            if is_template(text):
                yield Use(at, text, early=key == "agent", shell=shell)
    if entry.outputs is not None:
        for at, text in values_at(entry.outputs.files, (*path, "outputs", "files")):
            if is_template(text):
                yield Use(at, text)


def _fields(task: TaskEntry) -> Iterator[tuple[str, Any, bool]]:
    if task.approve is not None:
        yield "approve.question", task.approve.question, False
    if task.wait_for is not None:
        yield "wait_for.event", task.wait_for.event, True
        yield "wait_for.key", task.wait_for.key, True
    if task.emit is not None:
        yield "emit.pipeline", task.emit.pipeline, False
        yield "emit.event", task.emit.event, False
        yield "emit.data", task.emit.data, False


def task_references(task: TaskEntry) -> set[str]:
    """The tasks that a task's templates speak of."""
    return {
        str(reference.keys[0])
        for use in uses_of(task, ())
        for reference in look_into(use.text).references
        if reference.name == "tasks" and reference.keys
    }


def speaks_of_item(text: str) -> bool:
    """Whether a condition is about one item of a fan-out."""
    seen = look_into(condition_text(text))
    return any(reference.name in {"item", "index"} for reference in seen.references)


def check_templates(checked: Checked) -> None:
    """Note every fault in the templates of the file."""
    _check_common(checked)
    for path, name, task, _ in checked.places():
        env = set(checked.model.env) | set(task.env)
        for use in uses_of(task, path):
            if not checked.is_removed(use.path):
                _TaskJudge(checked, use, name, env).judge(look_into(use.text))


def _check_common(checked: Checked) -> None:
    """Those of the whole file: its environment and its directory."""
    for key, value in (("env", checked.model.env), ("cwd", checked.model.cwd)):
        for path, text in values_at(value, (key,)):
            use = Use(path, text, early=True, item=False)
            _TaskJudge(checked, use, "", set()).judge(look_into(text))


class _TaskJudge(Judge):
    """Judges one template of a task by what it may see."""

    def __init__(self, checked: Checked, use: Use, name: str, env: set[str]) -> None:
        known: dict[str, Collection[str] | None] = dict.fromkeys(NAMES)
        known["inputs"] = checked.input_names(checked.model.inputs)
        known["env"] = sorted(env)
        known["workflow"] = WORKFLOW_KEYS
        super().__init__(checked, use, known)
        self._checked = checked
        self._use = use
        self._name = name

    def check(self, reference: Reference) -> None:
        """As any, with the tasks, and what is known early."""
        name, line = reference.name, reference.line
        if name in {"item", "index"} and not self._use.item:
            self.fault(f"There is no {name} here.", "It is for the task of a foreach.", line)
        elif self._use.early and name in NAMES and name not in EARLY:
            self.fault(f"{name} is not known yet where this is needed.", "Use inputs.", line)
        elif name == "tasks":
            self._task(reference)
        else:
            super().check(reference)

    def _has_ended(self, task: str) -> bool:
        """Whether ``task`` has ended in any case; the nearest ones are looked at first."""
        needs = self._checked.needs.get(self._name, ())
        return task in needs or task in self._checked.upstream(self._name)

    def _task(self, reference: Reference) -> None:
        if not reference.keys or reference.keys[0] is None:
            self.fault("The task is not named.", "Write tasks.NAME.result.", reference.line)
            return
        task = str(reference.keys[0])
        names = self._checked.names
        if task not in names:
            self.fault(f"There is no task {task}.", nearest(task, names), reference.line)
        elif task == self._name:
            self.fault("A task does not know its own result.", "", reference.line)
        elif not self._has_ended(task):
            told = f"{task} need not have ended when {self._name} begins."
            self.fault(told, f"Add it to the needs of {self._name}.", reference.line)
        elif len(reference.keys) > 1 and reference.keys[1] not in TASK_KEYS:
            key = reference.keys[1]
            told = f"A task has {', '.join(TASK_KEYS)}, not {key}."
            self.fault(told, nearest(str(key), TASK_KEYS), reference.line)
