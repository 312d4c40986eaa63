"""Every template of a pipeline's file, and whether what it speaks of is there when it is rendered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...workflows.files.judging import Judge, Known, Use, values_at
from ...workflows.files.reading import KeyPath
from ...workflows.files.references import Reference, look_into
from ...workflows.files.templates import condition_text, is_template
from ...workflows.files.uses import uses_of_work
from .checks import CheckedPipeline
from .model import TRIGGERS, HandlerEntry, TriggerEntry

PAYLOAD_KEYS = (
    "id", "event", "priority", "created_at", "deadline", "attempt", "hops", "root", "cause",
)  # fmt: skip
PIPELINE_KEYS = ("name", "description", "file", "directory")
TOLD: Mapping[str, tuple[str, ...]] = {
    "watch": ("path", "name", "folder", "change"),
    "schedule": ("due",),
    "git": ("hook", "repository", "branch", "commit", "author", "subject", "files", "arguments"),
}
"""What the triggers tell."""


def check_templates(checked: CheckedPipeline) -> None:
    """Note every fault in the templates of the file."""
    early = _early(checked)
    for key, value in (("env", checked.model.env), ("cwd", checked.model.cwd)):
        for use in _templates(value, (key,)):
            Judge(checked, use, early).judge(look_into(use.text))
    for path, _, handler in checked.places():
        _check_handler(checked, path, handler)
    for path, trigger in checked.triggers():
        _check_trigger(checked, path, trigger)


def _early(checked: CheckedPipeline) -> dict[str, Collection[str] | None]:
    """What is known when the file is loaded."""
    return {
        "inputs": checked.input_names(checked.model.inputs),
        "pipeline": PIPELINE_KEYS,
    }


def _check_handler(checked: CheckedPipeline, path: KeyPath, handler: HandlerEntry) -> None:
    early = _early(checked)
    at_hand: dict[str, Collection[str] | None] = {
        "data": None, "event": None, "payload": PAYLOAD_KEYS, "causes": None, **early,
    }  # fmt: skip
    inside = {**at_hand, "env": sorted({*checked.model.env, *handler.env})}
    if handler.agents is not None:
        inside["agent"] = None
    for use in _uses_of(handler, path):
        if checked.is_removed(use.path):
            continue
        known = early if use.early else at_hand if use.path[-1] == "when" else inside
        _HandlerJudge(checked, use, known, (*inside, "result")).judge(look_into(use.text))
    _check_emits(checked, path, handler, {**at_hand, "result": None})


def _check_emits(
    checked: CheckedPipeline, path: KeyPath, handler: HandlerEntry, known: Known
) -> None:
    for at, emit in enumerate(handler.emits):
        here: KeyPath = (*path, "emits", at)
        here = here if here in checked.document.places else (*path, "emits")
        if isinstance(emit.when, str):
            use = Use((*here, "when"), condition_text(emit.when))
            Judge(checked, use, known).judge(look_into(use.text))
        for use in _templates(emit.data, (*here, "data")):
            _DataJudge(checked, use, known).judge(look_into(use.text))


def _check_trigger(checked: CheckedPipeline, path: KeyPath, trigger: TriggerEntry) -> None:
    early = _early(checked)
    for key, value in (
        (("watch", "folder"), trigger.watch and trigger.watch.folder),
        (("git", "repository"), trigger.git and trigger.git.repository),
    ):
        for use in _templates(value, (*path, *key)):
            Judge(checked, use, early).judge(look_into(use.text))
    told = next((TOLD[kind] for kind in TRIGGERS if getattr(trigger, kind) is not None), None)
    for use in _templates(trigger.data, (*path, "data")):
        _DataJudge(checked, use, {"trigger": told, **early}).judge(look_into(use.text))


def _uses_of(handler: HandlerEntry, path: KeyPath) -> Iterator[Use]:
    yield from uses_of_work(handler, path)
    for use in _templates(handler.agents, (*path, "agents")):
        yield Use(use.path, use.text, early=True)
    if handler.vote is not None:
        yield from _templates(handler.vote.question, (*path, "vote", "question"))


def _templates(value: Any, path: KeyPath) -> Iterator[Use]:
    for at, text in values_at(value, path):
        if is_template(text):
            yield Use(at, text)


class _HandlerJudge(Judge):
    """Says of a name that comes too late that it does."""

    def __init__(
        self, judged: CheckedPipeline, use: Use, known: Known, later: Collection[str]
    ) -> None:
        super().__init__(judged, use, known)
        self._names = known
        self._later = later

    def check(self, reference: Reference) -> None:
        """As any; a name that is known elsewhere is told apart from one that is not."""
        name = reference.name
        if name not in self._names and name in self._later:
            told = f"{name} is not known yet where this is needed."
            self.fault(told, f"Known here: {', '.join(self._names)}.", reference.line)
        else:
            super().check(reference)


class _DataJudge(Judge):
    """Judges what a payload will carry: it is kept and shown, so that no secret belongs into it."""

    def __init__(self, judged: CheckedPipeline, use: Use, known: Known) -> None:
        super().__init__(judged, use, known)
        self._secrets = {name for name, one in judged.model.inputs.items() if one.secret}

    def check(self, reference: Reference) -> None:
        """As any, without secrets."""
        key = reference.keys[0] if reference.keys else None
        if reference.name == "inputs" and (key in self._secrets or (key is None and self._secrets)):
            shown = f"inputs.{key}" if key is not None else "One of the inputs"
            told = f"{shown} is secret, and a payload's data are kept and shown."
            self.fault(told, "Let the handler that needs it speak of it.", reference.line)
        else:
            super().check(reference)
