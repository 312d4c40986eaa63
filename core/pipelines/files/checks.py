"""What a pipeline's file means as a whole. Every fault is noted at its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from ...workflows.files.checks import (
    BESIDE,
    check_agent,
    check_agent_name,
    check_beside,
    check_group,
    check_inputs,
    check_kind,
    check_name,
    check_schema,
    check_work,
)
from ...workflows.files.judging import Judged
from ...workflows.files.model import kinds_of
from ...workflows.files.reading import Document, KeyPath
from ...workflows.files.shapes import nearest
from ...workflows.files.templates import is_template
from .model import HOOKS, KINDS, TRIGGERS, HandlerEntry, PipelineFile, TriggerEntry

_BESIDE: Mapping[str, tuple[str, ...]] = {
    **{key: (*kinds, "agents") if "agent" in kinds else kinds for key, kinds in BESIDE.items()},
    "retry": KINDS,
    "group": KINDS,
    "vote": ("agents",),
}
"""Keys that mean something beside some kinds only."""


class CheckedPipeline(Judged):
    """A pipeline's model with its document, and what was taken out of it because it was wrong."""

    def __init__(self, document: Document, model: PipelineFile, removed: set[KeyPath]) -> None:
        super().__init__(document, removed)
        self.model = model
        value = document.value.get("events")
        given = value if isinstance(value, dict) else {}
        self.events = dict.fromkeys([*given, *model.events])
        """The names of all event types, those with faults included."""

    def places(self) -> Iterator[tuple[KeyPath, str, HandlerEntry]]:
        """Every handler with its path and name."""
        for event, entry in self.model.events.items():
            for name, handler in entry.handlers.items():
                yield ("events", event, "handlers", name), name, handler

    def triggers(self) -> Iterator[tuple[KeyPath, TriggerEntry]]:
        """Every trigger with its path."""
        for at, trigger in enumerate(self.model.triggers):
            yield ("triggers", at), trigger


def check_whole(checked: CheckedPipeline, agents: Collection[str] | None = None) -> None:
    """Note all faults that lie between several keys."""
    document, model = checked.document, checked.model
    check_inputs(document, model.inputs)
    for name, event in model.events.items():
        check_name(document, ("events", name), name)
        if event.schema_ is not None:
            check_schema(document, ("events", name, "schema"), event.schema_)
    _unique(checked)
    for path, name, handler in checked.places():
        check_name(document, path, name)
        check_kind(checked, path, handler, KINDS, "handler")
        check_beside(document, path, handler, KINDS, _BESIDE)
        check_work(document, path, handler)
        if not checked.is_removed(("groups",)):
            check_group(document, path, handler.group, model.groups, "groups")
        _agents(checked, path, handler, agents)
        _emits(checked, path, handler)
        if handler.when is False:
            hint = "Remove the handler, or its when."
            document.fault((*path, "when"), "It is never done.", hint)
    for path, trigger in checked.triggers():
        _trigger(checked, path, trigger)


def _unique(checked: CheckedPipeline) -> None:
    seen: dict[str, KeyPath] = {}
    for path, name, _ in checked.places():
        if name in seen:
            told = f"There is a handler {name} already, of {seen[name][1]}."
            checked.document.fault(path, told, "Give each a name of its own.")
        seen.setdefault(name, path)


def _agents(
    checked: CheckedPipeline, path: KeyPath, handler: HandlerEntry, known: Collection[str] | None
) -> None:
    document, given = checked.document, handler.agents
    untold = handler.prompt is None and not checked.is_removed((*path, "prompt"))
    wanted = handler.vote is None and not checked.is_removed((*path, "vote"))
    if given is not None and untold and wanted:
        document.fault((*path, "agents"), "The agents are told nothing.", "Add a prompt.")
    if handler.vote is not None:
        _vote(document, path, handler)
    if isinstance(given, str):
        if not is_template(given):
            hint = f'Write [{given}], or a template such as "{{{{ inputs.crew }}}}".'
            document.fault((*path, "agents"), "This is no list.", hint)
        return
    for at, name in enumerate(given or ()):
        if known is not None:
            check_agent_name(document, (*path, "agents", at), name, known)
    for name, count in Counter(given or ()).items():
        if count > 1:
            told = f"{name} stands here {count} times."
            hint = "Define another agent with the same command."
            document.fault((*path, "agents"), told, hint)
    check_agent(document, (*path, "agent"), handler.agent, known)


def _vote(document: Document, path: KeyPath, handler: HandlerEntry) -> None:
    """A vote has its own form of answers."""
    if handler.outputs is not None and handler.outputs.schema_ is not None:
        told = "The answers are votes, which have a form of their own."
        document.fault((*path, "outputs", "schema"), told, "Leave it out.")


def _emits(checked: CheckedPipeline, path: KeyPath, handler: HandlerEntry) -> None:
    for at, emit in enumerate(handler.emits):
        # One that stands alone has no place of its own in a list.
        alone = (*path, "emits", at) not in checked.document.places
        here = (*path, "emits") if alone else (*path, "emits", at)
        if (*here, "event") in checked.document.places:
            here = (*here, "event")
        _event(checked, here, emit.event)


def _event(checked: CheckedPipeline, path: KeyPath, event: str) -> None:
    if event not in checked.events:
        hint = nearest(event, checked.events) or f"Known: {', '.join(checked.events)}."
        checked.document.fault(path, f"There is no event type {event}.", hint)


def _trigger(checked: CheckedPipeline, path: KeyPath, trigger: TriggerEntry) -> None:
    document = checked.document
    kinds = [kind for kind in TRIGGERS if getattr(trigger, kind) is not None]
    if len(kinds) != 1 and not any(checked.is_removed((*path, kind)) for kind in TRIGGERS):
        told = f"It is {' and '.join(kinds)} at once." if kinds else "Nothing says what it heeds."
        document.fault(path, told, f"Give it one of {', '.join(TRIGGERS)}.")
    _event(checked, (*path, "event"), trigger.event)
    if trigger.git is not None and trigger.git.hook not in HOOKS:
        told = f"{trigger.git.hook} is no hook of git's."
        document.fault((*path, "git"), told, nearest(trigger.git.hook, HOOKS))
    if trigger.watch is not None:
        pattern = trigger.watch.pattern
        if pattern.startswith("/") or ".." in pattern.split("/"):
            told = "The pattern leads out of the folder."
            document.fault((*path, "watch", "pattern"), told, "Watch the folder that it leads to.")


def kind_of(handler: HandlerEntry) -> str:
    """What does it; one of ``KINDS``, where nothing is wrong."""
    return kinds_of(handler, KINDS)[0]
