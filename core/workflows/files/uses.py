"""Every template of a file, and whether what it refers to is there when it is rendered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .checks import Checked, values_at
from .model import TaskEntry
from .reading import KeyPath
from .references import Reference, Seen, look_into
from .shapes import nearest
from .templates import NAMES, condition_text, is_template

TASK_KEYS = ("result", "status", "outputs")
WORKFLOW_KEYS = ("id", "name", "file", "directory")
EARLY = frozenset({"inputs", "item", "index"})
"""What is known before anything has run."""


@dataclass(frozen=True, slots=True)
class Use:
    """One text of a task that may be a template.

    ``early``: it is rendered when the file is loaded, or the fan-out made. ``item``: it may
    speak of an item.
    """

    path: KeyPath
    text: str
    early: bool = False
    item: bool = True
    shell: bool = False


def uses_of(task: TaskEntry, path: KeyPath) -> Iterator[Use]:
    """The templates of one task."""
    item = task.foreach is not None
    if isinstance(task.when, str):
        yield Use((*path, "when"), condition_text(task.when), item=item)
    if task.foreach is not None:
        for at, text in values_at(task.foreach.items, (*path, "foreach", "items")):
            yield Use(at, text, item=False)
    for key, value, early in _fields(task):
        shell = key == "run" and isinstance(value, str)
        for at, text in values_at(value, (*path, *key.split("."))):
            if is_template(text):
                yield Use(at, text, early=early, item=item, shell=shell)


def _fields(task: TaskEntry) -> Iterator[tuple[str, Any, bool]]:
    yield "agent", None if task.agent is None else task.agent.name, True
    yield "prompt", task.prompt, False
    yield "run", task.run, False
    yield "with", task.with_, False
    yield "inputs", task.inputs, False
    yield "env", task.env, False
    yield "cwd", task.cwd, False
    if task.approve is not None:
        yield "approve.question", task.approve.question, False
    if task.wait_for is not None:
        yield "wait_for.event", task.wait_for.event, True
        yield "wait_for.key", task.wait_for.key, True
    if task.outputs is not None:
        yield "outputs.files", task.outputs.files, False


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
                _Judge(checked, use, name, env).judge(look_into(use.text))


def _check_common(checked: Checked) -> None:
    """Those of the whole file: its environment and its directory."""
    for key, value in (("env", checked.model.env), ("cwd", checked.model.cwd)):
        for path, text in values_at(value, (key,)):
            use = Use(path, text, early=True, item=False)
            _Judge(checked, use, "", set()).judge(look_into(text))


class _Judge:
    """Judges one template by what it may see."""

    def __init__(self, checked: Checked, use: Use, name: str, env: set[str]) -> None:
        self._checked = checked
        self._use = use
        self._name = name
        self._env = env

    def judge(self, seen: Seen) -> None:
        for problem in seen.problems:
            self._fault(problem.message, nearest(problem.word, problem.words), problem.line)
        for line in seen.unquoted if self._use.shell else ():
            self._fault(
                "In a line for the shell every value goes through quote.",
                "Write {{ ... | quote }}.",
                line,
            )
        for reference in seen.references:
            self._reference(reference)

    def _fault(self, message: str, hint: str, line: int) -> None:
        self._checked.document.fault(self._use.path, message, hint, row=line)

    def _reference(self, reference: Reference) -> None:
        name, line = reference.name, reference.line
        if name in {"range", "dict"}:
            return
        if name not in NAMES:
            told = f"There is nothing called {name}."
            self._fault(told, nearest(name, NAMES) or f"Known: {', '.join(NAMES)}.", line)
        elif name in {"item", "index"} and not self._use.item:
            self._fault(f"There is no {name} here.", "It is for the task of a foreach.", line)
        elif self._use.early and name not in EARLY:
            self._fault(f"{name} is not known yet where this is needed.", "Use inputs.", line)
        elif name in {"inputs", "env", "workflow"}:
            self._key(reference)
        elif name == "tasks":
            self._task(reference)

    def _key(self, reference: Reference) -> None:
        known = {
            "inputs": list(self._checked.model.inputs),
            "env": sorted(self._env),
            "workflow": list(WORKFLOW_KEYS),
        }[reference.name]
        if reference.name == "inputs" and self._checked.is_removed(("inputs",)):
            value = self._checked.document.value.get("inputs")
            known += list(value) if isinstance(value, dict) else []
        key = reference.keys[0] if reference.keys else None
        if key is not None and key not in known:
            told = f"There is no {reference.name}.{key}."
            if reference.name == "env" and "env" in self._use.path:
                told = f"{told} Variables don't see each other."
            self._fault(told, nearest(str(key), known), reference.line)

    def _has_ended(self, task: str) -> bool:
        """Whether ``task`` has ended in any case; the nearest ones are looked at first."""
        needs = self._checked.needs.get(self._name, ())
        return task in needs or task in self._checked.upstream(self._name)

    def _task(self, reference: Reference) -> None:
        if not reference.keys or reference.keys[0] is None:
            self._fault("The task is not named.", "Write tasks.NAME.result.", reference.line)
            return
        task = str(reference.keys[0])
        names = self._checked.names
        if task not in names:
            self._fault(f"There is no task {task}.", nearest(task, names), reference.line)
        elif task == self._name:
            self._fault("A task does not know its own result.", "", reference.line)
        elif not self._has_ended(task):
            told = f"{task} need not have ended when {self._name} begins."
            self._fault(told, f"Add it to the needs of {self._name}.", reference.line)
        elif len(reference.keys) > 1 and reference.keys[1] not in TASK_KEYS:
            key = reference.keys[1]
            told = f"A task has {', '.join(TASK_KEYS)}, not {key}."
            self._fault(told, nearest(str(key), TASK_KEYS), reference.line)
