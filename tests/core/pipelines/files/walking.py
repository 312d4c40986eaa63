"""A pipeline walked without an engine: agents of the practice crew answer, commands print their words."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quarterdeck.core.pipelines.definition import HandlerDefinition, PipelineDefinition
from quarterdeck.core.pipelines.files.executing import (
    Names,
    ballots,
    bind,
    check_data,
    emissions,
    question_of,
    result_of,
    vote_result,
    wanted,
)
from quarterdeck.core.sessions.practice.once import make_turn
from quarterdeck.core.workflows.context import TaskExecutionContext
from quarterdeck.core.workflows.definition import TaskDefinition
from quarterdeck.core.workflows.files import command_of, fan_out, rendered, scope_of

SEEDS = {"practice-ann": 1, "practice-ben": 2, "practice-cleo": 3}

Answer = Callable[[TaskDefinition, Mapping[str, Any]], Any]


def practise(agent: str, prompt: str) -> Any:
    """What the practice debater of that name answers."""
    told = make_turn("debater", SEEDS[agent], prompt)
    assert told is not None
    return told["answer"]


@dataclass
class Walk:
    """What happened: every payload as (event, data), and the handlers that ran on them."""

    pipeline: PipelineDefinition
    payloads: list[tuple[str, Any]] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)

    def go(self, event: str, data: Any) -> list[str]:
        """Walk from one payload to where nothing follows; the events in order."""
        waiting = deque([(event, data)])
        events = {one.name: one for one in self.pipeline.events}
        while waiting:
            assert len(self.payloads) < self.pipeline.max_hops
            name, given = waiting.popleft()
            self.payloads.append((name, given))
            check_data(events[name], given)
            for handler in events[name].handlers:
                names = Names(self.pipeline, name, given, {"id": str(len(self.payloads))})
                if wanted(handler, names):
                    waiting += self._handle(handler, names)
        return [name for name, _ in self.payloads]

    def _handle(self, handler: HandlerDefinition, names: Names) -> list[tuple[str, Any]]:
        self.ran.append(handler.name)
        result = result_of(handler, self._run(bind(handler, names)))
        if handler.vote is not None:
            cast = ballots(result)
            approve = sum(one.choice == "approve" for one in cast)
            outcome = "achieved" if approve / len(cast) > handler.vote.threshold else "not_achieved"
            result = vote_result(question_of(handler, names), cast, outcome)
        self.results[handler.name] = result
        return [(one.event, one.data) for one in emissions(handler, names, result)]

    def _run(self, task: TaskDefinition) -> Any:
        context = TaskExecutionContext(task, "w", inputs=dict(self.pipeline.inputs))
        scope = scope_of(context)
        if task.agent_type == "foreach":
            return [self._run(child) for child in fan_out(task, scope).children]
        if task.agent_type == "agent":
            return practise(task.metadata["agent"], rendered(task, scope, "prompt")["prompt"])
        return " ".join(command_of(task, scope)[1:])
