"""Questions of workflows to people, as items of the attention queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from ...base.clock import Clock
from ...base.errors import BusinessFault, ValidationFault
from ...protocol.attention import AttentionItem, AttentionKind
from ...protocol.commands import AnswerItem
from ...protocol.events import Cause
from ...protocol.status import Choice
from ...protocol.workflow_views import WorkflowView
from ...sessions.attention.drafts import Draft, headline
from ...sessions.desk import AttentionDesk
from ...workflows.executors.ports import REJECT, Gate, GateAnswer
from ...workflows.ports import WorkflowStore
from ...workflows.records import AddSignal, SignalRecord
from ..journal import Journal

ANSWER = "answer to a gate"
"""The name of the signal that keeps an answer; its key is the task's id and attempt."""


class ChoiceUnknown(ValidationFault):
    """The question has no choice of this key; the details say which there are."""

    code = "choice_unknown"


class GateGone(BusinessFault):
    """The task does not ask any more."""

    code = "gate_gone"


class WorkflowGates:
    """The ``Gates`` port of the executors. An answer is on disk before the task hears it.

    ``waits`` is told which tasks wait for a person.
    """

    def __init__(
        self,
        desk: AttentionDesk,
        store: WorkflowStore,
        journal: Journal,
        clock: Clock,
        *,
        waits: Callable[[str, str, bool], None],
    ) -> None:
        self._desk = desk
        self._store = store
        self._journal = journal
        self._clock = clock
        self._waits = waits
        self._asked: dict[tuple[str, str], Gate] = {}
        self._futures: dict[str, asyncio.Future[GateAnswer]] = {}

    # ---- the port ------------------------------------------------------------------------------

    async def ask(self, gate: Gate) -> GateAnswer:
        """The answer: one that was kept, else a person's."""
        found = await self._kept(gate)
        if found is not None:
            return found
        self._asked[gate.workflow_id, gate.task_id] = gate
        future = self._futures.get(gate.key)
        if future is None:
            future = self._futures[gate.key] = asyncio.get_running_loop().create_future()
        self._waits(gate.workflow_id, gate.task_id, True)
        await self._desk.ask(_draft(gate))
        return await asyncio.shield(future)

    async def withdraw(self, gate: Gate) -> None:
        """Nobody needs to answer any more."""
        self.left(gate.workflow_id, gate.task_id)

    def left(self, workflow_id: str, task_id: str) -> None:
        """The task does not run any more, so that nobody needs to answer."""
        gate = self._asked.pop((workflow_id, task_id), None)
        if gate is None:
            return
        self._futures.pop(gate.key, None)
        self._waits(workflow_id, task_id, False)
        self._desk.close_about(workflow_id, AttentionKind.GATE, task_id)

    def forget(self) -> None:
        """Wait for no answers any more; the questions stand on."""
        self._asked.clear()
        self._futures.clear()

    # ---- answers -------------------------------------------------------------------------------

    async def answer(
        self, item: AttentionItem, wish: AnswerItem, by: str, cause: Cause
    ) -> Mapping[str, Any]:
        """Keep a person's answer, and let the task go on with it.

        :raises ChoiceUnknown: if it is none of the choices.
        :raises GateGone: if the workflow is not there any more.
        """
        choice = chosen(item, wish.choice)
        workflow_id, task_id = item.workflow_id, item.task_id
        attempt = item.request_id.rpartition("/")[2]
        if await self._store.workflow(workflow_id) is None:
            raise GateGone(f"The workflow {workflow_id} is gone.", workflow_id=workflow_id)
        body = json.dumps({"choice": choice, "by": by})
        signal = SignalRecord(
            workflow_id, ANSWER, _signal_key(task_id, attempt), self._clock.now(), body
        )
        rows, events = self._desk.answer(item.item_id, choice, by or cause.client_id or "")
        await self._journal.record([*rows, AddSignal(signal)], events, cause)
        gate = self._asked.pop((workflow_id, task_id), None)
        if gate is not None:
            self._waits(workflow_id, task_id, False)
        future = self._futures.pop(item.request_id, None)
        if future is not None and not future.done():
            future.set_result(GateAnswer(choice, by))
        return {"workflow_id": workflow_id, "task_id": task_id, "choice": choice}

    async def _kept(self, gate: Gate) -> GateAnswer | None:
        """An answer that came while nobody waited, or right before an engine died."""
        wanted = _signal_key(gate.task_id, str(gate.attempt))
        for signal in await self._store.signals(gate.workflow_id):
            if signal.name == ANSWER and signal.key == wanted:
                return GateAnswer(**json.loads(signal.body))
        return None


def chosen(item: AttentionItem, wanted: str | None) -> str:
    """The key of the choice that is meant by a key or a meaning.

    :raises ChoiceUnknown: if there is none.
    """
    for choice in item.choices:
        if wanted is not None and wanted in {choice.key, choice.meaning}:
            return choice.key
    known = ", ".join(choice.key for choice in item.choices)
    what = "no choice was given" if wanted is None else f"{wanted!r} is none"
    raise ChoiceUnknown(
        f"“{item.title}” is answered with one of {known}; {what}.",
        choices=[choice.key for choice in item.choices],
    )


def _signal_key(task_id: str, attempt: str) -> str:
    return f"{task_id}/{attempt}"


def _draft(gate: Gate) -> Draft:
    told = [gate.description, *(f"{name}: {value}" for name, value in gate.details.items())]
    text = "\n".join([gate.question, *(line for line in told if line)])
    return Draft(
        AttentionKind.GATE,
        gate.key,
        headline(gate.question),
        text,
        choices=tuple(_choices(gate.choices)),
        priority=gate.priority,
        deadline=gate.deadline,
        workflow_id=gate.workflow_id,
        task_id=gate.task_id,
    )


def _choices(given: Mapping[str, str]) -> list[Choice]:
    """The choices; one key allows, one rejects, so that they can be answered like any other item."""
    allowed = next((key for key in given if key != REJECT), None)
    meanings = {allowed: "allow_once", REJECT: "reject"}
    return [Choice(key=key, label=label, meaning=meanings.get(key)) for key, label in given.items()]


def failure_draft(view: WorkflowView) -> Draft:
    """What needs a person where a workflow has failed."""
    text = view.error or "The workflow failed."
    return Draft(
        AttentionKind.FAILURE,
        f"failed:{view.id}/{view.version}",
        headline(f"{view.name} failed: {text}"),
        text,
        workflow_id=view.id,
    )
