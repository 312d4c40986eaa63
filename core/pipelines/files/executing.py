"""What handlers need when a payload is there: values for their templates, conditions, what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...base.priority import Priority
from ...workflows.definition import TaskDefinition
from ...workflows.files.faults import FanOutTooLarge
from ...workflows.files.templates import Scope, holds, render, render_text
from ..definition import EventDefinition, HandlerDefinition, PipelineDefinition
from .faults import PayloadDataInvalid
from .votes import Ballot, ballots, vote_result

MOST_EMITTED = 10_000
"""Payloads that one success may lead to."""

__all__ = [
    "Ballot",
    "Emission",
    "Names",
    "ballots",
    "bind",
    "check_data",
    "emissions",
    "question_of",
    "result_of",
    "vote_result",
    "wanted",
]


@dataclass(frozen=True, slots=True)
class Names:
    """What the templates of one handling see.

    ``payload`` has ``id`` and what else is known of ``uses.PAYLOAD_KEYS``; ``causes`` are the payloads before
    it, the first of all first, each with ``id``, ``event`` and ``data``.
    """

    pipeline: PipelineDefinition
    event: str
    data: Any
    payload: Mapping[str, Any]
    causes: Sequence[Mapping[str, Any]] = ()

    def values(self) -> dict[str, Any]:
        """The names by themselves, without inputs."""
        return {
            "data": self.data,
            "event": self.event,
            "payload": dict(self.payload),
            "pipeline": about(self.pipeline),
            "causes": [dict(one) for one in self.causes],
        }

    def scope(self, **more: Any) -> Scope:
        """The values for what is rendered before and after the handler's task."""
        return Scope(
            inputs=self.pipeline.inputs,
            around={**self.values(), **more},
            secrets=hidden(self.pipeline),
        )


@dataclass(frozen=True, slots=True)
class Emission:
    """A payload that is to follow."""

    event: str
    data: Any
    priority: Priority | None = None


def about(pipeline: PipelineDefinition) -> dict[str, str]:
    """What templates see of the pipeline itself."""
    return {
        "name": pipeline.name,
        "description": pipeline.description,
        "file": pipeline.file,
        "directory": pipeline.directory,
    }


def hidden(pipeline: PipelineDefinition) -> frozenset[str]:
    """The values that no message shows."""
    inputs = pipeline.inputs
    return frozenset(str(inputs[name]) for name in pipeline.secrets if inputs.get(name))


def bind(handler: HandlerDefinition, names: Names) -> TaskDefinition:
    """The handler's task with the values of one payload for its templates."""
    values = names.values()
    metadata = dict(handler.task.metadata)
    if "each" in metadata:
        each = metadata["each"]
        metadata["each"] = {**each, "metadata": {**each["metadata"], "names": values}}
    metadata["names"] = values
    return replace(handler.task, metadata=metadata)


def wanted(handler: HandlerDefinition, names: Names) -> bool:
    """Whether the handler's own condition holds; without one it does.

    :raises TemplateFailed: if it can't be told.
    """
    return handler.when is None or holds(handler.when, names.scope(), f"when of {handler.name}")


def result_of(handler: HandlerDefinition, raw: Any) -> Any:
    """The handler's result from its task's: for several agents who gave what."""
    agents = handler.task.metadata.get("agents")
    if agents is None:
        return raw
    return [{"agent": agent, "result": one} for agent, one in zip(agents, raw, strict=True)]


def question_of(handler: HandlerDefinition, names: Names) -> str:
    """What a handler's vote decides; empty if it is none.

    :raises TemplateFailed: if it can't be rendered.
    """
    if handler.vote is None:
        return ""
    return render_text(handler.vote.question, names.scope(), f"question of {handler.name}")


def emissions(handler: HandlerDefinition, names: Names, result: Any) -> list[Emission]:
    """What follows from the handler's success, in the order of the file.

    :raises TemplateFailed: if a condition or data can't be rendered.
    :raises FanOutTooLarge: if ``each`` is given what is no list, or too long a one.
    """
    if not handler.emits:
        return []
    scope = names.scope(result=result)
    found: list[Emission] = []
    for emit in handler.emits:
        what = f"emits.{emit.event} of {handler.name}"
        if emit.when is not None and not holds(emit.when, scope, f"{what}: when"):
            continue
        data = result if emit.data is None else render(emit.data, scope, f"{what}: data")
        items = _items(data, what) if emit.each else [data]
        found += [Emission(emit.event, one, emit.priority) for one in items]
    return found


def _items(data: Any, what: str) -> list[Any]:
    if not isinstance(data, list):
        raise FanOutTooLarge(f"{what}: each takes a list, not a {type(data).__name__}.")
    if len(data) > MOST_EMITTED:
        raise FanOutTooLarge(f"{what}: {len(data)} payloads at once; {MOST_EMITTED} are the most.")
    return data


def check_data(event: EventDefinition, data: Any) -> None:
    """Nothing, if ``data`` fit the event type's schema.

    :raises PayloadDataInvalid: if not.
    """
    if event.schema is None:
        return
    # Start-up time: the validator and its formats take as long to load as all the rest.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    validator = Draft202012Validator(
        event.schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    wrong = sorted(validator.iter_errors(data), key=lambda one: one.json_path)
    if wrong:
        lines = [f"{one.json_path.replace('$', 'data', 1)}: {one.message}" for one in wrong[:10]]
        raise PayloadDataInvalid(
            f"The data don't fit the schema of {event.name}: {'; '.join(lines)}.",
            event=event.name,
        )
