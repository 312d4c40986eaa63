"""``agent``: an agent works on a prompt, in a session or as a process for one answer."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

from ...sessions.agents.definition import AgentDefinition, OneShot
from ..backends.ports import Stream
from ..context import TaskExecutionContext
from ..definition import ANY, PLACE, TaskDefinition
from ..files.templates import is_template
from .agent_sessions import ONE_SHOT, SESSION, AgentSessions, unfit
from .answers import answer_of, usage_of
from .attempt import Attempt, attempt_with
from .children import Child, ChildKind
from .desk import Desk
from .faults import AgentUnusable
from .handoffs import Handoffs
from .leaves import LeafExecutor
from .process import Process
from .results import Collected, as_value

EVENTS_LIMIT = 16 * 1024 * 1024
"""Bytes of events that a one-shot may print: its tools' output is among them."""


class AgentExecutor(LeafExecutor):
    """Lets agents work on prompts, and hands over between them."""

    def __init__(self, desk: Desk, agents: AgentSessions) -> None:
        super().__init__(desk)
        self._handoffs = Handoffs(desk)
        self._agents = agents

    def check(self, task: TaskDefinition) -> None:
        """Nothing, if the agent is known, and can do tasks in this way.

        :raises AgentUnusable: if not; the message says why.
        """
        if _mode(task) == SESSION:
            self._agents.check(task.task_id)
        name = str(task.metadata.get("agent", task.agent_id))
        if name == ANY:
            self._check_anybody(task)
        elif not is_template(name):
            self._agents.definition(name, _mode(task), task.task_id)

    def _check_anybody(self, task: TaskDefinition) -> None:
        """Nothing, if there are agents that may be chosen of; that they are there now is not asked.

        :raises AgentUnusable: if one is not known, or none can do it in this way.
        """
        place: Mapping[str, Any] = task.metadata.get(PLACE, {})
        affinity = [place["affinity"]] if "affinity" in place else []
        for name in dict.fromkeys([*place.get("any_of", ()), *affinity]):
            self._agents.definition(name, _mode(task), task.task_id)
        agents = self.desk.surroundings.agents
        if not any(not unfit(one, _mode(task)) for one in agents.values()):
            raise AgentUnusable(
                f"Task {task.task_id!r}: no agent can do it as {_mode(task)}.", task_id=task.task_id
            )

    async def adopt(self, context: TaskExecutionContext) -> Any:
        """See to its end what a former engine began, in a session or as a process."""
        child = Child.parse(context.child)
        if child is None or child.kind is not ChildKind.SESSION or child.attempt != context.attempt:
            return await super().adopt(context)

        async def work(attempt: Attempt) -> Any:
            return await self.carry_out(attempt, child)

        return await attempt_with(self.desk, context, work, child)

    async def carry_out(self, attempt: Attempt, child: Child | None) -> Any:
        """What the agent gives."""
        mode = _mode(attempt.task)
        name = attempt.context.agent or str(attempt.rendered("agent")["agent"])
        if name == ANY:
            raise AgentUnusable(
                f"Task {attempt.task.task_id!r} takes any agent, and nobody places tasks here.",
                task_id=attempt.task.task_id,
            )
        definition = self._agents.definition(name, mode, attempt.task.task_id)
        prompt = str(attempt.rendered("prompt")["prompt"])
        began = self.desk.now()
        env = await self._handoffs.receive(attempt)
        try:
            result = await self._ask(attempt, definition, prompt, env, child)
            result = await attempt.finish(_shaped(result, attempt.task.metadata))
        except CancelledError:
            if attempt.wanted_on:
                await self._handoffs.give_back(attempt)
            raise
        seconds = (self.desk.now() - began).total_seconds()
        await self._handoffs.leave(
            attempt, agent=name, prompt=prompt, result=result, seconds=max(seconds, 0.0)
        )
        return result

    async def _ask(
        self,
        attempt: Attempt,
        definition: AgentDefinition,
        prompt: str,
        env: Mapping[str, str],
        child: Child | None,
    ) -> Any:
        if _mode(attempt.task) == ONE_SHOT:
            return await _one_shot(attempt, definition, prompt, env, child)
        return await self._agents.turn(attempt, definition, env).go(prompt, child)


def _mode(task: TaskDefinition) -> str:
    return str(task.metadata.get("mode", SESSION))


async def _one_shot(
    attempt: Attempt,
    definition: AgentDefinition,
    prompt: str,
    env: Mapping[str, str],
    child: Child | None,
) -> Any:
    oneshot = definition.oneshot
    assert oneshot is not None  # noqa: S101  # the definition was judged before
    process = Process(
        attempt,
        _command(definition, oneshot, prompt),
        stdin=prompt.encode() if oneshot.prompt == "stdin" else b"",
        env={**definition.env, **oneshot.env, **attempt.env, **env},
        logged=frozenset(Stream),
        stdout=Collected(EVENTS_LIMIT),
    )
    finished = await process.go(child)
    usage = usage_of(oneshot, finished.stdout)
    if usage is not None:
        attempt.context.report(usage)
    return answer_of(definition, oneshot, finished)


def _command(definition: AgentDefinition, oneshot: OneShot, prompt: str) -> tuple[str, ...]:
    words = (one.replace("{prompt}", prompt) for one in oneshot.args)
    return (*(oneshot.command or definition.command), *words)


def _shaped(result: Any, metadata: Mapping[str, Any]) -> Any:
    """The answer as a value, where the task says what it must be."""
    if isinstance(result, str) and metadata.get("outputs", {}).get("schema") is not None:
        return as_value(result)
    return result
