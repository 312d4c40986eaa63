"""What a file means as a whole: kinds, needs, groups, inputs. Every fault is noted at its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from .. import graph
from ..definition import ANY
from .faults import Fault
from .inputs import convert_default
from .judging import Judged
from .model import (
    KINDS,
    NAME,
    AgentEntry,
    ForeachEntry,
    InputEntry,
    OutputsEntry,
    TaskEntry,
    WorkEntry,
    WorkflowFile,
    kinds_of,
)
from .reading import Document, KeyPath
from .shapes import nearest
from .templates import is_template

BESIDE: Mapping[str, tuple[str, ...]] = {
    "prompt": ("agent",),
    "mode": ("agent",),
    "keep": ("agent",),
    "shell": ("run",),
    "trusted": ("python",),
    "with_": ("python",),
    "inputs": ("workflow",),
    "env": ("agent", "run", "python"),
    "cwd": ("agent", "run", "python"),
    "outputs": ("agent", "run", "python"),
    "retry": ("agent", "run", "python", "workflow", "emit"),
    "group": ("agent", "run", "python"),
    "resources": ("agent", "run", "python"),
}
"""Keys that mean something beside some kinds only."""
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class Checked(Judged):
    """A workflow's model with its document, and what was taken out of it because it was wrong."""

    def __init__(self, document: Document, model: WorkflowFile, removed: set[KeyPath]) -> None:
        super().__init__(document, removed)
        self.model = model
        self.every_task = model.every_task()
        self.names = self._names()
        self.needs = {
            name: [one for one in task.needs if one in self.every_task]
            for name, task in self.every_task.items()
        }

    def places(self) -> Iterator[tuple[KeyPath, str, TaskEntry, bool]]:
        """Every task with its path and name, and whether it is a final one."""
        for name, task in self.model.tasks.items():
            yield ("tasks", name), name, task, False
        for name, task in self.model.finally_.items():
            yield ("finally", name), name, task, True

    def _names(self) -> dict[str, None]:
        """The names of all tasks, those with faults included."""
        value = self.document.value
        found = [*(value.get("tasks") or {}), *self.model.tasks]
        if isinstance(value.get("finally"), dict):
            found += value["finally"]
        return dict.fromkeys(found)

    def upstream(self, name: str) -> set[str]:
        """All tasks that have ended when ``name`` begins."""
        needs, found = self.needs, set[str]()
        if name in self.model.finally_:
            found |= set(self.model.tasks)
        pending = list(needs.get(name, ()))
        while pending:
            one = pending.pop()
            if one not in found and one != name:
                found.add(one)
                pending += needs.get(one, ())
        return found


def check_whole(checked: Checked, agents: Collection[str] | None = None) -> None:
    """Note all faults that lie between several keys."""
    check_inputs(checked.document, checked.model.inputs)
    for path, name, task, final in checked.places():
        check_name(checked.document, path, name)
        check_kind(checked, path, task)
        check_beside(checked.document, path, task)
        _needs(checked, path, name, task, final=final)
        _details(checked, path, task)
        check_agent(checked.document, (*path, "agent"), task.agent, agents)
    _cycles(checked)
    _unique(checked)


def check_name(document: Document, path: KeyPath, name: str) -> None:
    """Note it if ``name`` is none."""
    if not re.match(NAME, name):
        document.fault(
            path,
            "This is no name.",
            "Names begin with a letter and go on with letters, digits, _ and -, 100 at most.",
        )


def check_kind(
    checked: Judged,
    path: KeyPath,
    entry: WorkEntry,
    kinds: Sequence[str] = KINDS,
    noun: str = "task",
) -> None:
    """Note it if an entry is not exactly one of ``kinds``, or an agent is told nothing."""
    found = kinds_of(entry, kinds)
    wrong = [kind for kind in kinds if checked.is_removed((*path, kind))]
    given = dict.fromkeys([*found, *wrong])
    if len(given) > 1:
        told = " and ".join(given)
        checked.document.fault(path, f"It is {told} at once.", f"Make two {noun}s of it.")
    elif not found and not wrong:
        hint = f"Give it one of {', '.join(kinds)}."
        checked.document.fault(path, "Nothing says what it does.", hint)
    missing = entry.prompt is None and not checked.is_removed((*path, "prompt"))
    if entry.agent is not None and missing:
        checked.document.fault((*path, "agent"), "The agent is told nothing.", "Add a prompt.")


def check_beside(
    document: Document,
    path: KeyPath,
    entry: WorkEntry,
    kinds: Sequence[str] = KINDS,
    beside: Mapping[str, tuple[str, ...]] = BESIDE,
) -> None:
    """Note keys without the kind that they belong to."""
    found = kinds_of(entry, kinds)
    if len(found) != 1:
        return
    for key in sorted(entry.model_fields_set):
        wanted = beside.get(key)
        if wanted is not None and found[0] not in wanted:
            document.fault(
                (*path, key.rstrip("_")),
                f"It means nothing beside {found[0]}.",
                f"It belongs to {' or '.join(wanted)}.",
            )


def _needs(checked: Checked, path: KeyPath, name: str, task: TaskEntry, *, final: bool) -> None:
    names = checked.names
    finals = checked.model.finally_
    for at, need in enumerate(task.needs):
        here = _item(checked.document, (*path, "needs"), at)
        if need == name:
            checked.document.fault(here, f"{name} needs itself.")
        elif need not in names:
            hint = nearest(need, [one for one in names if one != name])
            checked.document.fault(here, f"There is no task {need}.", hint)
        elif need in finals and not final:
            told = f"{need} runs when all others have ended, {name} among them."
            checked.document.fault(here, told)


def _item(document: Document, path: KeyPath, at: int) -> KeyPath:
    """The place of an item, or of the key where one stands alone."""
    here = (*path, at)
    return here if here in document.places else path


def _details(checked: Checked, path: KeyPath, task: TaskEntry) -> None:
    document = checked.document
    check_work(document, path, task)
    if not checked.is_removed(("concurrency",)):
        check_group(document, path, task.group, checked.model.concurrency, "concurrency")
    if task.approve is not None and not task.approve.choices:
        document.fault((*path, "approve", "choices"), "There is nothing to choose.")
    if task.foreach is not None:
        _foreach(document, (*path, "foreach"), task.foreach, grouped=bool(task.group))


def check_work(document: Document, path: KeyPath, entry: WorkEntry) -> None:
    """Note what is wrong with a command, a function or the outputs."""
    if isinstance(entry.run, str) and not entry.shell:
        hint = "Write [program, argument, ...], or add shell: true."
        document.fault((*path, "run"), "One line is for the shell.", hint)
    if isinstance(entry.run, list) and entry.shell:
        document.fault((*path, "shell"), "The shell takes one line, not a list.")
    if entry.python is not None and not _FUNCTION.fullmatch(entry.python):
        document.fault((*path, "python"), "This is no function.", "Write module:function.")
    if entry.outputs is not None:
        _outputs(document, (*path, "outputs"), entry.outputs, has_output=entry.run is not None)


def _foreach(document: Document, path: KeyPath, foreach: ForeachEntry, *, grouped: bool) -> None:
    items = foreach.items
    if isinstance(items, str) and not is_template(items):
        hint = 'Write a list, or a template such as "{{ tasks.list.result }}".'
        document.fault(path, "This is no list.", hint)
    if isinstance(items, list) and len(items) > foreach.max:
        document.fault(path, f"These are {len(items)} items, and max is {foreach.max}.")
    if foreach.at_once and grouped:
        told = "A group and at_once bound the same."
        document.fault((*path, "at_once"), told, "Leave one of them out.")


def check_group(
    document: Document, path: KeyPath, group: str | None, known: Collection[str], key: str
) -> None:
    """Note a concurrency group that is not among those under ``key`` at the top."""
    if group and group not in known:
        hint = nearest(group, known) or f"Add {key}: {{{group}: 1}} at the top."
        document.fault((*path, "group"), f"There is no group {group}.", hint)


def _outputs(document: Document, path: KeyPath, outputs: OutputsEntry, *, has_output: bool) -> None:
    if outputs.stdout and not has_output:
        document.fault((*path, "stdout"), "Only a command has an output of its own.")
    if outputs.schema_ is not None:
        check_schema(document, (*path, "schema"), outputs.schema_)


def check_schema(document: Document, path: KeyPath, schema: Mapping[str, Any]) -> None:
    """Note it if ``schema`` is no JSON schema."""
    # Start-up time: the validator and its formats take as long to load as all the rest.
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        at = ".".join(map(str, error.path))
        told = f"This is no JSON schema: {at + ': ' if at else ''}{error.message}."
        document.fault(path, told)


def check_agent(
    document: Document, path: KeyPath, entry: AgentEntry | None, agents: Collection[str] | None
) -> None:
    """Note what is wrong with the choice of an agent; names only where ``agents`` are known."""
    if entry is None:
        return
    one = entry.name != ANY
    if one and entry.chosen:
        message = f"{entry.name} is one agent; there is nothing to choose."
        document.fault(path, message, "Leave its name out, or any_of, capabilities and affinity.")
    if entry.any_of and entry.affinity is not None and entry.affinity not in entry.any_of:
        message = f"{entry.affinity} is none of any_of."
        document.fault((*path, "affinity"), message, nearest(entry.affinity, entry.any_of))
    if agents is None:
        return
    named: list[tuple[KeyPath, str]] = [
        ((*path, "any_of", at), name) for at, name in enumerate(entry.any_of)
    ]
    if one:
        named.append((path, entry.name))
    if entry.affinity is not None:
        named.append(((*path, "affinity"), entry.affinity))
    for at, name in named:
        check_agent_name(document, at, name, agents)


def check_agent_name(document: Document, path: KeyPath, name: str, agents: Collection[str]) -> None:
    """Note an agent that is not among ``agents``."""
    if not is_template(name) and name not in agents:
        document.fault(path, f"There is no agent {name}.", nearest(name, agents))


def capability_notes(checked: Checked, known: Collection[str]) -> list[Fault]:
    """What no agent can do at present: no fault, since agents may come; such a task waits."""
    notes = Document(checked.document.file, None, checked.document.places)
    for path, _, task, _ in checked.places():
        for at, one in enumerate([] if task.agent is None else task.agent.capabilities):
            if one not in known:
                message = (
                    f"No agent has the capability {one}: the task would wait for one that has."
                )
                notes.fault((*path, "agent", "capabilities", at), message, nearest(one, known))
    return notes.faults


def _cycles(checked: Checked) -> None:
    needs = {name: [one for one in given if one != name] for name, given in checked.needs.items()}
    for fault in graph.find_faults(needs):
        if fault.kind is graph.FaultKind.CYCLE:
            home = "tasks" if fault.tasks[0] in checked.model.tasks else "finally"
            path = (home, fault.tasks[0], "needs")
            checked.document.fault(path, fault.message, "Remove one of these needs.")


def _unique(checked: Checked) -> None:
    for name in checked.model.finally_:
        if name in checked.model.tasks:
            checked.document.fault(("finally", name), f"There is a task {name} already.")


def check_inputs(document: Document, inputs: Mapping[str, InputEntry]) -> None:
    """Note what is wrong with the inputs of a file."""
    for name, entry in inputs.items():
        path: KeyPath = ("inputs", name)
        check_name(document, path, name)
        if entry.type == "choice" and not entry.choices:
            document.fault(path, "A choice needs choices.", "Add choices: [one, another].")
        elif entry.choices and entry.type != "choice":
            document.fault(
                (*path, "choices"), f"A {entry.type} has no choices.", "Write type: choice."
            )
        if entry.must_exist and entry.type != "path":
            document.fault((*path, "must_exist"), f"A {entry.type} is no path.")
        if not entry.required and entry.default is not None:
            message = convert_default(entry)
            if message:
                document.fault((*path, "default"), message)
