"""``approve``: a question to a person. ``wait_for``: an event from outside."""

from __future__ import annotations

import asyncio
import json
from asyncio import CancelledError
from collections.abc import Mapping
from datetime import timedelta

from ..context import TaskExecutionContext
from .attempt import Attempt, attempt_with
from .children import Child, ChildKind, kept_child
from .desk import Desk, named
from .faults import GateRejected
from .ports import REJECT, Gate, GateAnswer

AHEAD = "approve"
"""Where in an instance's metadata answers lie that were given ahead, by task; ``*`` for all others."""
ALL, NONE = "all", "none"
GIVEN_AHEAD = "given ahead"


class ApproveExecutor:
    """Asks, and waits without a slot."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def execute(self, context: TaskExecutionContext) -> str:
        """The key of the choice.

        :raises GateRejected: if that is ``reject``.
        """
        choice: str = await attempt_with(self._desk, context, self._ask)
        return choice

    async def adopt(self, context: TaskExecutionContext) -> str:
        """The same, of a question that a former engine asked."""
        child = kept_child(context, ChildKind.GATE)
        choice: str = await attempt_with(self._desk, context, self._ask_again, child)
        return choice

    async def _ask_again(self, attempt: Attempt) -> str:
        gate = self._gate(attempt)
        try:
            return await self._ask(attempt)
        except CancelledError:  # wherever that came: the question stands since before
            if attempt.wanted_on:
                await self._desk.surroundings.gates.withdraw(gate)
            raise

    async def _ask(self, attempt: Attempt) -> str:
        gate = self._gate(attempt)
        answer = await self._given_ahead(attempt, gate)
        if answer is None:
            answer = await self._from_person(attempt, gate)
        attempt.announce_log()
        attempt.log.line(f"{gate.question} {answer.choice}" + (f" ({answer.by})" * bool(answer.by)))
        if answer.choice == REJECT:
            raise GateRejected(
                f"{gate.question} was answered with reject"
                + (f", {answer.by}." if answer.by else "."),
                by=answer.by,
            )
        return answer.choice

    async def _from_person(self, attempt: Attempt, gate: Gate) -> GateAnswer:
        gates = self._desk.surroundings.gates
        await attempt.keep_child(Child(ChildKind.GATE, attempt.context.attempt, gate.key))
        try:
            return await gates.ask(gate)
        except CancelledError:
            if attempt.wanted_on:
                await gates.withdraw(gate)
            raise

    async def _given_ahead(self, attempt: Attempt, gate: Gate) -> GateAnswer | None:
        record = await self._desk.store.workflow(gate.workflow_id)
        given = {} if record is None else json.loads(record.metadata).get(AHEAD, {})
        choice = choice_ahead(given, gate.task_id, gate.choices)
        return None if choice is None else GateAnswer(choice, GIVEN_AHEAD)

    def _gate(self, attempt: Attempt) -> Gate:
        task, context = attempt.task, attempt.context
        found = attempt.rendered("question", "choices")
        return Gate(
            workflow_id=context.workflow_id,
            task_id=task.task_id,
            attempt=context.attempt,
            question=attempt.hide(str(found["question"])),
            choices={key: str(text) for key, text in found["choices"].items()},
            workflow=str(named(task).get("name", "")),
            description=str(task.metadata.get("description", "")),
            deadline=None
            if task.timeout is None
            else self._desk.now() + timedelta(seconds=task.timeout),
            priority=task.priority,
        )


def choice_ahead(given: Mapping[str, str], task_id: str, choices: Mapping[str, str]) -> str | None:
    """The choice that was made before the question was asked; ``None`` if none was that it offers.

    An answer is a choice's key, ``all`` for the first one that is no rejection, or ``none``. A child of a
    fan-out has the answer of its parent where it has none of its own.
    """
    parent = task_id.partition("[")[0]
    answer = next((given[name] for name in (task_id, parent, "*") if name in given), None)
    if answer == NONE:
        return REJECT
    if answer == ALL:
        return next((key for key in choices if key != REJECT), None)
    return answer if answer in choices else None


class WaitExecutor:
    """Waits for a signal, which ends the task by itself."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def execute(self, context: TaskExecutionContext) -> None:
        """Nothing: it waits until it is cancelled."""
        await attempt_with(self._desk, context, self._wait)

    async def adopt(self, context: TaskExecutionContext) -> None:
        """The same, for what waited already."""
        kept_child(context, ChildKind.EVENT)
        await self.execute(context)

    @staticmethod
    async def _wait(attempt: Attempt) -> None:
        signal = str(attempt.task.metadata["signal"])
        await attempt.context.keep_child(
            Child(ChildKind.EVENT, attempt.context.attempt, signal).text
        )
        await asyncio.get_running_loop().create_future()
