"""From a pipeline file's model to the definition that runs.

A handler's task is what a workflow's would be: ``agent_type`` is the kind, and ``foreach`` where several
agents work on the same prompt. Texts in its ``metadata`` are templates still.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.homes import expanded
from ...base.retry import RetryPolicy
from ...workflows.definition import TaskDefinition
from ...workflows.encoding import task_values
from ...workflows.files.compiling import FOREACH, outputs_of, policy_of, work_of
from ...workflows.files.environment import text_of
from ...workflows.files.faults import InputsInvalid
from ...workflows.files.templates import Scope, render
from ..definition import (
    Emit,
    EventDefinition,
    HandlerDefinition,
    PipelineDefinition,
    TriggerDefinition,
    Vote,
)
from .checks import kind_of
from .model import EventEntry, HandlerEntry, PipelineFile, TriggerEntry
from .votes import told_to_vote

AGENT = "agent"
_ONCE = RetryPolicy(1)


class Compiler:
    """Makes the definition of one file with one set of inputs."""

    def __init__(
        self, model: PipelineFile, file: Path, inputs: Mapping[str, Any], directory: Path
    ) -> None:
        self._model = model
        self._file = file
        self._inputs = dict(inputs)
        self._directory = directory
        self._origin = {"name": model.name, "file": str(file), "directory": str(directory)}
        about = {**self._origin, "description": model.description}
        self._secrets = tuple(name for name, entry in model.inputs.items() if entry.secret)
        hidden = frozenset(str(self._inputs[name]) for name in self._secrets if self._inputs[name])
        self._scope = Scope(inputs=self._inputs, around={"pipeline": about}, secrets=hidden)

    def definition(self) -> PipelineDefinition:
        """The whole of it.

        :raises InputsInvalid: if agents, folders or repositories are not what inputs make of them.
        :raises TemplateFailed: if one of their templates can't be rendered.
        """
        model = self._model
        return PipelineDefinition(
            name=model.name,
            file=str(self._file),
            directory=str(self._directory),
            description=model.description,
            inputs=self._inputs,
            secrets=self._secrets,
            events=tuple(self._event(name, event) for name, event in model.events.items()),
            triggers=tuple(self._trigger(trigger) for trigger in model.triggers),
            groups=dict(model.groups),
            limit=model.limit,
            max_hops=model.max_hops,
        )

    def _event(self, name: str, event: EventEntry) -> EventDefinition:
        return EventDefinition(
            name=name,
            description=event.description,
            priority=event.priority,
            deadline=event.deadline,
            schema=event.schema_,
            handlers=tuple(
                self._handler(one, name, handler) for one, handler in event.handlers.items()
            ),
        )

    def _handler(self, name: str, event: str, handler: HandlerEntry) -> HandlerDefinition:
        agents = self._agents(name, handler)
        vote = handler.vote
        return HandlerDefinition(
            name=name,
            event=event,
            task=self._task(name, handler, agents),
            when=handler.when,
            priority=handler.priority,
            retry=policy_of(handler.retry) or _ONCE,
            timeout=handler.timeout,
            limit=handler.limit,
            group=handler.group,
            rate=handler.rate,
            emits=tuple(
                Emit(one.event, one.when, one.data, one.each, one.priority) for one in handler.emits
            ),
            vote=None
            if vote is None
            else Vote(
                question=vote.question,
                voters=agents,
                threshold=vote.threshold,
                quorum=vote.quorum,
                people=vote.people,
                deadline=vote.deadline,
            ),
        )

    def _agents(self, name: str, handler: HandlerEntry) -> tuple[str, ...]:
        """The several agents of a handler."""
        if handler.agents is None:
            return ()
        found = render(handler.agents, self._scope, f"agents of {name}")
        if not isinstance(found, list) or not found:
            raise InputsInvalid(f"The agents of the handler {name} are no list of names.")
        names = tuple(text_of(one) for one in found)
        twice = [one for one, count in Counter(names).items() if count > 1]
        if twice or not all(names):
            told = f"{twice[0]} is among them twice" if twice else "one has no name"
            raise InputsInvalid(
                f"The agents of the handler {name} need names of their own: {told}."
            )
        return names

    def _task(self, name: str, handler: HandlerEntry, agents: tuple[str, ...]) -> TaskDefinition:
        kind = AGENT if agents else kind_of(handler)
        metadata = self._metadata(name, kind, handler)
        if agents:
            metadata.update(agent=f"{{{{ {AGENT} }}}}", item=AGENT)
        plain = TaskDefinition(
            task_id=name,
            agent_id=str(metadata.get("agent", kind)),
            agent_type=kind,
            retry_policy=_ONCE,
            timeout=handler.timeout,
            allow_failure=handler.vote is not None,
            metadata=metadata,
            priority=handler.priority,
            slotless=kind == "workflow",
            placed=kind == AGENT,
        )
        return self._for_each(plain, agents) if agents else plain

    def _for_each(self, plain: TaskDefinition, agents: tuple[str, ...]) -> TaskDefinition:
        """The task that makes children like ``plain``, one for each agent."""
        metadata: dict[str, Any] = {
            "workflow": self._origin,
            "agents": list(agents),
            "foreach": {"items": list(agents), "max": len(agents), "at_once": None},
            "each": task_values(plain),
        }
        if self._secrets:
            metadata["secrets"] = list(self._secrets)
        return TaskDefinition(
            task_id=plain.task_id,
            agent_id=FOREACH,
            agent_type=FOREACH,
            retry_policy=_ONCE,
            metadata=metadata,
            priority=plain.priority,
            slotless=True,
        )

    def _metadata(self, name: str, kind: str, handler: HandlerEntry) -> dict[str, Any]:
        found: dict[str, Any] = {"workflow": self._origin}
        if handler.description:
            found["description"] = handler.description
        if self._secrets:
            found["secrets"] = list(self._secrets)
        found.update(work_of(kind, handler, self._file))
        if kind == AGENT and handler.agent is not None:
            found["agent"] = render(handler.agent.name, self._scope, f"agent of {name}")
        if handler.vote is not None:
            found["prompt"] = told_to_vote(handler.vote.question, handler.prompt)
        if kind != "workflow":
            found["env"] = {**self._model.env, **handler.env}
            found["cwd"] = handler.cwd or self._model.cwd
            found["outputs"] = outputs_of(handler.outputs, kind)
        return found

    def _trigger(self, trigger: TriggerEntry) -> TriggerDefinition:
        kind, options = self._heeded(trigger)
        return TriggerDefinition(
            kind=kind,
            event=trigger.event,
            options=options,
            data=trigger.data,
            priority=trigger.priority,
        )

    def _heeded(self, trigger: TriggerEntry) -> tuple[str, dict[str, Any]]:
        if trigger.watch is not None:
            watch = trigger.watch
            folder = self._place(watch.folder, "watch")
            return "watch", {
                "folder": folder, "pattern": watch.pattern, "on": list(watch.on),
                "settle": watch.settle,
            }  # fmt: skip
        if trigger.schedule is not None:
            return "schedule", trigger.schedule.model_dump()
        git = trigger.git
        assert git is not None  # noqa: S101  # the checks saw to it
        return "git", {"hook": git.hook, "repository": self._place(git.repository, "git")}

    def _place(self, text: str, what: str) -> str:
        """A path from the pipeline's directory."""
        return str(self._directory / expanded(text_of(render(text, self._scope, what))))
