"""An instance that this engine drives: what is kept of it, and what its attempts are given."""

from __future__ import annotations

import asyncio
import json
from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .definition import TaskDefinition, WorkflowDefinition
from .deltas import stamp_text, task_body
from .encoding import definition_of, task_of
from .handoff import HandoffContext
from .machine import Run, TaskState
from .machine.reasons import ErrorType
from .made import Made
from .plan import Plan, compile_plan
from .records import Lease, TaskRecord, WorkflowRecord
from .standing import WITH_ERROR, Shown, Standing
from .states import WorkflowState, workflow_state_of
from .statuses import TaskStatus
from .turns import (
    Ended,
    completed_line,
    end_line,
    opening_of,
    openings_of,
    ready_line,
    running_line,
)

CONTEXT = "workflow_context"
"""Where in an instance's metadata the context lies that its attempts are given."""

AGENT = "agent"
"""Where in a task's scheduling the agent lies that it was placed on."""

Previous = dict[str, Any]
Due = Callable[[datetime], float]


class Instance:
    """The label of a durable run. Lists are by task.

    Times are of the newest change handed to the store: ``started_at`` that of attempt ``begun``.
    ``shared`` says that somebody else has changed what is kept of it while it was driven.
    ``texts`` are results as JSON, ``openings`` how the tasks' lines in the journal begin.
    """

    def __init__(self, record: WorkflowRecord, lease: Lease, made: Made | None = None) -> None:
        self.id = record.id
        self.record = record
        self.lease = lease
        self.version = record.version
        self.definition: WorkflowDefinition = (
            definition_of(record.definition) if made is None else made.definition
        )
        self.plan: Plan = compile_plan(self.definition) if made is None else made.plan
        self.tasks: list[TaskDefinition] = list(self.definition.tasks)
        self.openings: list[str] = []
        self.begun: list[int] = []
        self.started_at: list[str | None] = []
        self.ended_at: list[str | None] = []
        self.texts: list[str | None] = []
        self.logs: dict[int, str] = {}
        self.errors: dict[int, str] = {}
        self.children: dict[int, str] = {}
        self.groups: dict[int, dict[str, int]] = {}
        self.parts: dict[int, int] = {}
        self.adopted: set[int] = set()
        self.signals: dict[str, str] = {}
        self.shared = False
        self.ended: list[Ended] = []
        self.context = _context(record)
        self.done: Future[None] = asyncio.get_running_loop().create_future()
        self.run: Run  # it is set as soon as the machine has it

    def attach(self, run: Run) -> None:
        """Belong to ``run``."""
        self.run = run

    def load(self, rows: Mapping[str, TaskRecord], due: Due) -> list[TaskState]:
        """Take over the tasks as they are kept, children of fan-outs included; their states.

        ``due`` gives the machine's time of a stamp.
        """
        if not rows:
            return self._load_new()
        known = set(self.plan.ids)
        self._load_children({name: row for name, row in rows.items() if name not in known})
        found = [rows.get(name) or self._new_row(task) for task, name in enumerate(self.plan.ids)]
        self._take_rows(found)
        for parent, children in self.plan.children.items():
            if self.texts[parent] is None:
                self.texts[parent] = json.dumps([self.plan.ids[child] for child in children])
        plain: dict[tuple[TaskStatus, int], TaskState] = {}
        return [
            self._state(row, due) if _is_marked(row) else _plain_state(row, plain) for row in found
        ]

    def _load_new(self) -> list[TaskState]:
        """Nothing is kept but the definition: all tasks are pending."""
        count = len(self.plan)
        self.openings = openings_of(self.tasks)
        self.begun = [0] * count
        self.started_at = [None] * count
        self.ended_at = [None] * count
        self.texts = [None] * count
        return [TaskState()] * count

    def grow(self) -> None:
        """Make room for tasks that were appended to the plan."""
        for task in range(len(self.openings), len(self.plan)):
            rules = self.plan.rules[task]
            assert isinstance(rules, TaskDefinition)  # noqa: S101  # children are definitions
            self.tasks.append(rules)
            self._take_row(self._new_row(task))

    def previous(self, task: int) -> list[Previous]:
        """The results of the direct dependencies that completed, decoded anew for each reader.

        A child of a fan-out has those of its parent, too; a fan-out's result is its children's.
        """
        plan, statuses, texts, tasks = self.plan, self.run.tasks, self.texts, self.tasks
        index, fan_outs = plan.index, plan.children
        needs = self.tasks[task].dependencies
        if plan.parents and (parent := plan.parents.get(task)) is not None:
            needs = (*needs, *self.tasks[parent].dependencies)
        found: list[Previous] = []
        for name in needs:
            at = index[name]
            text = texts[at]
            if text is not None and statuses[at] is _COMPLETED:
                data: Any = None
                if fan_outs and at in fan_outs:
                    data = [self._part(one) for one in fan_outs[at] if not self.run.retired(one)]
                elif text != "null":
                    data = _decode(text)[0]
                agent = tasks[at].agent_id
                found.append({"task_id": name, "agent_id": agent, "result": {"data": data}})
        return found

    def _part(self, child: int) -> Any:
        """What a child of a fan-out gave; ``None`` if it gave nothing."""
        text = self.texts[child]
        return None if text is None else _value(text)

    def take_ends(self, at: str) -> list[str]:
        """The lines of the attempts that have ended since the last time; ``at`` is the time now."""
        ended, self.ended = self.ended, []
        ids, started, logs = self.plan.ids, self.started_at, self.logs
        return [
            end_line(ids[one.task], one, started[one.task] or at, logs.get(one.task))
            for one in ended
        ]

    def lines_of(self, tasks: Sequence[int], at: str, due: Callable[[float], str]) -> list[str]:
        """The lines that say how tasks stand now; the plain ones, nearly all, the shortest way."""
        run = self.run
        if self.children or self._has_marks(run):
            return [self.line_of(task, at, due) for task in tasks]
        statuses, attempts, openings, texts = run.tasks, run.attempts, self.openings, self.texts
        started_at, ended_at, begun = self.started_at, self.ended_at, self.begun
        lines: list[str] = []
        for task in tasks:
            status, attempt, started = statuses[task], attempts[task], started_at[task]
            if status is _COMPLETED and started and (text := texts[task]) is not None:
                ended_at[task] = at
                lines.append(completed_line(openings[task], attempt, text, started, at))
            elif status is _RUNNING and not started:
                started_at[task] = at
                begun[task] = attempt
                lines.append(running_line(openings[task], attempt, at))
            elif status is _READY and not attempt:
                lines.append(ready_line(openings[task]))
            else:
                lines.append(self.line_of(task, at, due))
        return lines

    def line_of(self, task: int, at: str, due: Callable[[float], str]) -> str:
        """The line that says how a task stands in the machine now; ``due`` gives a time's stamp."""
        run = self.run
        status, attempt = run.tasks[task], run.attempts[task]
        self._note_times(task, status, attempt, at)
        if not self._is_marked(run, task):
            opening, started = self.openings[task], self.started_at[task]
            if status is _COMPLETED:
                text = self.texts[task]
                if started is not None and text is not None:
                    return completed_line(opening, attempt, text, started, at)
            elif status is _RUNNING:
                if started is not None and task not in self.children:
                    return running_line(opening, attempt, started)
            elif status is _READY and not attempt:
                return ready_line(opening)
        next_at = run.next_at.get(task)
        return task_body(self.record_of(task, None if next_at is None else due(next_at)))

    def _note_times(self, task: int, status: TaskStatus, attempt: int, at: str) -> None:
        if status is _RUNNING:
            if attempt != self.begun[task] or self.started_at[task] is None:
                if attempt != self.begun[task]:
                    self.children.pop(task, None)  # that was the attempt's before
                self.started_at[task] = at
                self.begun[task] = attempt
            self.ended_at[task] = None
        elif status in _ENDED:
            self.ended_at[task] = at
        elif status is TaskStatus.PENDING:
            self.started_at[task] = self.ended_at[task] = None

    def _has_marks(self, run: Run) -> bool:
        """Whether there is more to be said of any task than its status, times and result."""
        return bool(
            run.losses
            or run.forgiven
            or run.next_at
            or run.placed
            or self.logs
            or self.groups
            or run.plan.parents
        )

    def _is_marked(self, run: Run, task: int) -> bool:
        """Whether there is more to be said of this one."""
        plan = run.plan
        return self._has_marks(run) and (
            task in run.losses
            or task in run.forgiven
            or task in run.next_at
            or task in run.placed
            or task in self.logs
            or task in self.groups
            or task in plan.parents
        )

    def record_of(self, task: int, next_at: str | None = None) -> TaskRecord:
        """The task's record, with the times of its newest line."""
        run, given = self.run, self.tasks[task]
        status = run.tasks[task]
        errors = status in WITH_ERROR
        return TaskRecord(
            self.id,
            given.task_id,
            given.agent_id,
            given.agent_type,
            status,
            run.attempts[task],
            run.losses.get(task, 0),
            self.texts[task] if status is _COMPLETED else None,
            self.errors.get(task) if errors else None,
            run.error_types.get(task) if errors else None,
            _stamp(self.started_at[task]),
            _stamp(self.ended_at[task]),
            _stamp(next_at),
            self.children.get(task) if status is _RUNNING else None,
            self.logs.get(task),
            self._scheduling(task),
        )

    def state(self) -> WorkflowState:
        """The whole of it as programs read it, as of the newest change handed to the store."""
        record = replace(self.record, version=self.version)
        return workflow_state_of(record, Shown(Standing(self)))

    def set_log(self, task: int, place: str) -> None:
        """Say where the running attempt's log is; kept with its next change."""
        self.logs[task] = place

    def _scheduling(self, task: int) -> str | None:
        run = self.run
        forgiven = run.forgiven.get(task)
        parent = run.plan.parents.get(task) if run.plan.parents else None
        groups = self.groups.get(task)
        agent = run.placed.get(task)
        if forgiven is None and parent is None and groups is None and agent is None:
            return None
        found: dict[str, Any] = {} if agent is None else {AGENT: agent}
        if forgiven:
            found["forgiven"] = forgiven
        if groups:
            found["groups"] = groups
        if parent is not None:
            from .encoding import task_values  # noqa: PLC0415  # fan-outs only

            found["parent"] = run.plan.ids[parent]
            found["parts"] = self.parts.get(parent, 0)
            found["task"] = task_values(self.tasks[task])
        return json.dumps(found, separators=(",", ":")) if found else None

    def _take_rows(self, rows: Sequence[TaskRecord]) -> None:
        """Take over all tasks at once."""
        self.openings = openings_of(rows)
        self.begun = [row.attempt for row in rows]
        self.started_at = [_text(row.started_at) for row in rows]
        self.ended_at = [_text(row.ended_at) for row in rows]
        self.texts = [row.result for row in rows]
        self.errors = {task: row.error for task, row in enumerate(rows) if row.error is not None}
        self.children = {task: row.child for task, row in enumerate(rows) if row.child is not None}
        self.logs = {task: row.log for task, row in enumerate(rows) if row.log is not None}

    def _take_row(self, row: TaskRecord) -> None:
        """Make room for one more task, that stands as in ``row``."""
        task = len(self.openings)
        self.openings.append(opening_of(row.task_id, row.agent_id, row.agent_type))
        self.begun.append(row.attempt)
        self.started_at.append(_text(row.started_at))
        self.ended_at.append(_text(row.ended_at))
        self.texts.append(row.result)
        if row.error is not None:
            self.errors[task] = row.error
        if row.child is not None:
            self.children[task] = row.child
        if row.log is not None:
            self.logs[task] = row.log

    def _new_row(self, task: int) -> TaskRecord:
        given = self.tasks[task]
        return TaskRecord(self.id, given.task_id, given.agent_id, given.agent_type)

    def _load_children(self, rows: Mapping[str, TaskRecord]) -> None:
        """Append the children of fan-outs to the plan, in the order in which they came."""
        by_parent: dict[str, list[TaskDefinition]] = {}
        for row in rows.values():
            kept = _kept(row)
            by_parent.setdefault(kept["parent"], []).append(task_of(kept["task"]))
            if row.error_type != ErrorType.RETIRED:
                self.parts[self.plan.index[kept["parent"]]] = kept.get("parts", 0)
        for parent, children in by_parent.items():
            self.plan.extend(self.plan.index[parent], children)
            self.tasks += children

    def _state(self, row: TaskRecord, due: Due) -> TaskState:
        kept = _kept(row)
        self.plan.groups.update(kept.get("groups", {}))
        return TaskState(
            row.status,
            row.attempt,
            row.attempt if row.status is TaskStatus.PENDING else kept.get("forgiven", 0),
            row.losses,
            row.error_type,
            None if row.next_attempt_at is None else due(row.next_attempt_at),
            kept.get(AGENT, ""),
        )


_READY = TaskStatus.READY
_RUNNING = TaskStatus.RUNNING
_COMPLETED = TaskStatus.COMPLETED
_ENDED = frozenset(
    {
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.SKIPPED,
        TaskStatus.CANCELLED,
        TaskStatus.RETRYING,
    }
)


def _is_marked(row: TaskRecord) -> bool:
    """Whether more is kept of how it is scheduled than its status and attempts."""
    return bool(
        row.losses
        or row.scheduling is not None
        or row.error_type is not None
        or row.next_attempt_at is not None
    )


def _plain_state(row: TaskRecord, made: dict[tuple[TaskStatus, int], TaskState]) -> TaskState:
    """The state of one that is not marked; those that are equal are one."""
    key = (row.status, row.attempt)
    found = made.get(key)
    if found is None:
        forgiven = row.attempt if row.status is TaskStatus.PENDING else 0
        found = made[key] = TaskState(row.status, row.attempt, forgiven)
    return found


def _context(record: WorkflowRecord) -> HandoffContext | None:
    found = json.loads(record.metadata).get(CONTEXT) if CONTEXT in record.metadata else None
    return None if found is None else HandoffContext.from_dict(found)


def _kept(row: TaskRecord) -> dict[str, Any]:
    if row.scheduling is None:
        return {}
    found: dict[str, Any] = json.loads(row.scheduling)
    return found


def _value(text: str) -> Any:
    """The value of JSON that was made here."""
    return None if text == "null" else _decode(text)[0]


_decode = json.JSONDecoder().raw_decode


def _text(stamp: datetime | None) -> str | None:
    return None if stamp is None else stamp_text(stamp)


def _stamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
