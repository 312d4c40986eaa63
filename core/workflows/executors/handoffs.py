"""Handoffs between the agents of a workflow: each is given what those before it left, and leaves one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...base.priority import Priority
from ..definition import TaskDefinition
from ..encoding import definition_of
from ..handoff import HANDOFF_MOVES, HandoffContext, HandoffProtocol, HandoffStatus
from ..handoff.lifecycle import moved, new_record
from ..records import HandoffRecord, SaveHandoff
from .attempt import Attempt
from .desk import Desk

VARIABLE = "QUARTERDECK_HANDOFF"
FILE_NAME = "handoffs.json"
AGENT = "agent"
WORKFLOW = "workflow"
TEXT_LIMIT = 100_000
"""Characters of a prompt or a result that a handoff carries; the whole result lies with its task."""

S = HandoffStatus


@dataclass(frozen=True, slots=True)
class Taker:
    """Who a handoff is for: an agent's task, or the workflow where no agent comes after."""

    task_id: str | None
    agent_id: str
    agent_type: str
    about: str


class Handoffs:
    """Receives and leaves the handoffs of one orchestrator's agent tasks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def receive(self, attempt: Attempt) -> dict[str, str]:
        """Accept what agents before left for this task; the environment that names the file of it."""
        found = list(await self._for(attempt))
        if not found:
            return {}
        now = self._desk.now()
        accepted = [
            moved(record, S.ACCEPTED, now) if record.status == S.INITIATED else record
            for record in found
        ]
        changed = [new for new, old in zip(accepted, found, strict=True) if new is not old]
        if changed:
            await self._desk.keep(*map(SaveHandoff, changed))
        path = (attempt.folder / FILE_NAME).absolute()
        await asyncio.to_thread(_write, path, [json.loads(one.body) for one in accepted])
        return {VARIABLE: str(path)}

    async def give_back(self, attempt: Attempt) -> None:
        """The attempt was ended: what it had accepted is not going to be completed by it."""
        records = [one for one in await self._for(attempt) if one.status == S.ACCEPTED]
        now = self._desk.now()
        await self._keep(moved(one, S.CANCELLED, now) for one in records)

    async def leave(
        self,
        attempt: Attempt,
        *,
        agent: str,
        prompt: str,
        result: Any,
        seconds: float,
    ) -> None:
        """Complete what was received, and hand over to the agents that come next."""
        now = self._desk.now()
        mine = [one for one in await self._for(attempt) if one.status == S.ACCEPTED]
        changes = [moved(one, S.COMPLETED, now) for one in mine]
        for taker in await self._takers(attempt):
            changes += await self._superseded(attempt, taker)
            message = self._message(
                attempt, taker, agent=agent, prompt=prompt, result=result, seconds=seconds
            )
            record = new_record(
                message,
                workflow_id=attempt.context.workflow_id,
                source_task=attempt.task.task_id,
                target_task=taker.task_id,
            )
            if taker.task_id is None:  # the workflow takes it at once
                record = moved(moved(record, S.ACCEPTED, now), S.COMPLETED, now)
            changes.append(record)
        await self._keep(changes)

    # ---- inside ----------------------------------------------------------------------------

    async def _keep(self, records: Iterable[HandoffRecord]) -> None:
        changes = [SaveHandoff(record) for record in records]
        if changes:
            await self._desk.keep(*changes)

    async def _for(self, attempt: Attempt) -> Sequence[HandoffRecord]:
        """The newest handoff for this task from each source; a fan-out's children share theirs."""
        names = {attempt.task.task_id, _parent(attempt.task.task_id)}
        newest: dict[str | None, HandoffRecord] = {}
        for record in await self._desk.store.handoffs(attempt.context.workflow_id):
            if record.target_task in names and record.status != S.CANCELLED:
                newest[record.source_task] = record
        return list(newest.values())

    async def _superseded(self, attempt: Attempt, taker: Taker) -> list[HandoffRecord]:
        """What this task left for the same taker in an earlier run of it, and nobody completed."""
        now = self._desk.now()
        return [
            moved(record, S.CANCELLED, now)
            for record in await self._desk.store.handoffs(attempt.context.workflow_id)
            if record.source_task == attempt.task.task_id
            and record.target_task == taker.task_id
            and HANDOFF_MOVES.targets(HandoffStatus(record.status))
        ]

    async def _takers(self, attempt: Attempt) -> list[Taker]:
        """The agents' tasks that come next, straight or behind others; the workflow if none does."""
        record = await self._desk.store.workflow(attempt.context.workflow_id)
        tasks = () if record is None else definition_of(record.definition).tasks
        found = list(_next_agents(tasks, _parent(attempt.task.task_id)))
        return found or [Taker(None, WORKFLOW, WORKFLOW, "What the workflow is to give.")]

    def _message(
        self,
        attempt: Attempt,
        taker: Taker,
        *,
        agent: str,
        prompt: str,
        result: Any,
        seconds: float,
    ) -> HandoffContext:
        task, context = attempt.task, attempt.context
        own = {
            "task_id": task.task_id,
            "agent_id": agent,
            "result": {"data": _bounded(result)},
        }
        before = [{**one, "result": {"data": _bounded(one["result"]["data"])}}
                  for one in context.previous_results]  # fmt: skip
        return HandoffProtocol.create_handoff(
            agent,
            AGENT,
            taker.agent_id,
            taker.agent_type,
            taker.about,
            workflow_id=context.workflow_id,
            execution_time=seconds,
            previous_results=[*before, own],
            conversation_history=[
                {"role": "user", "content": attempt.hide(prompt)[:TEXT_LIMIT]},
                {"role": "assistant", "content": _text(result)[:TEXT_LIMIT]},
            ],
            variables=context.variables,
            completed_steps=[*(one["task_id"] for one in before), task.task_id],
            pending_steps=[taker.task_id] if taker.task_id else [],
            priority=Priority(task.priority),
            retry_count=max(context.attempt - 1, 0),
            correlation_id=context.workflow_id,
            clock=self._desk.surroundings.clock,
        )


def _parent(task_id: str) -> str:
    return task_id.partition("[")[0]


def _next_agents(tasks: Sequence[TaskDefinition], after: str) -> Iterator[Taker]:
    """Agents' tasks downstream, none of which lies behind another one."""
    dependents: dict[str, list[TaskDefinition]] = {}
    for task in tasks:
        for need in task.dependencies:
            dependents.setdefault(need, []).append(task)
    seen, left = {after}, [after]
    while left:
        for task in dependents.get(left.pop(0), ()):
            if task.task_id in seen:
                continue
            seen.add(task.task_id)
            metadata = task.metadata.get("each", {}).get("metadata", task.metadata)
            if "prompt" in metadata:
                about = str(metadata["prompt"])[:TEXT_LIMIT] or task.task_id
                yield Taker(task.task_id, str(metadata["agent"]), AGENT, about)
            else:
                left.append(task.task_id)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _bounded(value: Any) -> Any:
    """The value, or the beginning of its text where it is large."""
    text = _text(value)
    return value if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT]


def _write(path: Path, messages: Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(json.dumps(messages, ensure_ascii=False, indent=2), encoding="utf-8")
    path.chmod(0o600)
