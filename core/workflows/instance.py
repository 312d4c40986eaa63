"""An instance that this engine drives: what is kept of it, and what its attempts are given."""

from __future__ import annotations

import asyncio
import json
from asyncio import Future
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from .definition import TaskDefinition, WorkflowDefinition
from .encoding import definition_of, task_of
from .handoff import HandoffContext
from .machine import Run, TaskState
from .plan import Plan, compile_plan
from .records import AttemptRecord, Lease, TaskRecord, WorkflowRecord
from .statuses import TaskStatus

CONTEXT = "workflow_context"
"""Where in an instance's metadata the context lies that its attempts are given."""

Previous = dict[str, Any]
Due = Callable[[datetime], float]


@dataclass(slots=True)
class Ended:
    """An attempt's end, until it is journalled."""

    task: int
    attempt: int
    status: TaskStatus
    error: str | None = None
    error_type: str | None = None


class Instance:
    """The label of a durable run. Lists are by task.

    ``records`` are as of the newest change handed to the store. ``texts`` are results as JSON.
    """

    def __init__(self, record: WorkflowRecord, lease: Lease) -> None:
        self.record = record
        self.lease = lease
        self.version = record.version
        self.definition: WorkflowDefinition = definition_of(record.definition)
        self.plan: Plan = compile_plan(self.definition)
        self.tasks: list[TaskDefinition] = list(self.definition.tasks)
        self.records: list[TaskRecord] = []
        self.texts: list[str | None] = []
        self.errors: dict[int, str] = {}
        self.children: dict[int, str] = {}
        self.groups: dict[int, dict[str, int]] = {}
        self.adopted: set[int] = set()
        self.signals: dict[str, str] = {}
        self.ended: list[Ended] = []
        self.context = _context(record)
        self.done: Future[None] = asyncio.get_running_loop().create_future()
        self._run: Run | None = None

    @property
    def id(self) -> str:
        """The workflow's id."""
        return self.record.id

    @property
    def run(self) -> Run:
        """The machine's run."""
        assert self._run is not None  # noqa: S101  # it is set as soon as the machine has it
        return self._run

    def attach(self, run: Run) -> None:
        """Belong to ``run``."""
        self._run = run

    def load(self, rows: Mapping[str, TaskRecord], due: Due) -> list[TaskState]:
        """Take over the tasks as they are kept, children of fan-outs included; their states.

        ``due`` gives the machine's time of a stamp.
        """
        known = set(self.plan.ids)
        self._load_children({name: row for name, row in rows.items() if name not in known})
        for task, name in enumerate(self.plan.ids):
            row = rows.get(name) or self._new_row(task)
            self.records.append(row)
            self.texts.append(row.result)
            if row.error is not None:
                self.errors[task] = row.error
            if row.child is not None:
                self.children[task] = row.child
        for parent, children in self.plan.children.items():
            if self.texts[parent] is None:
                self.texts[parent] = json.dumps([self.plan.ids[child] for child in children])
        return [self._state(record, due) for record in self.records]

    def grow(self) -> None:
        """Make room for tasks that were appended to the plan."""
        for task in range(len(self.records), len(self.plan)):
            rules = self.plan.rules[task]
            assert isinstance(rules, TaskDefinition)  # noqa: S101  # children are definitions
            self.tasks.append(rules)
            self.records.append(self._new_row(task))
            self.texts.append(None)

    def previous(self, task: int) -> list[Previous]:
        """The results of the direct dependencies that completed, decoded anew for each reader.

        A child of a fan-out has those of its parent, too; a fan-out's result is its children's.
        """
        found = []
        parent = self.plan.parents.get(task)
        needs = self.tasks[task].dependencies
        if parent is not None:
            needs = (*needs, *self.tasks[parent].dependencies)
        for name in needs:
            at = self.plan.index[name]
            text = self.texts[at]
            if text is not None and self.run.tasks[at] is TaskStatus.COMPLETED:
                parts = self.plan.children.get(at)
                data = json.loads(text) if parts is None else [self._part(one) for one in parts]
                agent = self.tasks[at].agent_id
                found.append({"task_id": name, "agent_id": agent, "result": {"data": data}})
        return found

    def _part(self, child: int) -> Any:
        """What a child of a fan-out gave; ``None`` if it gave nothing."""
        text = self.texts[child]
        return None if text is None else json.loads(text)

    def attempts_ended(self, engine_id: str, at: datetime) -> list[AttemptRecord]:
        """Those that have ended since the last time, as records."""
        ended, self.ended = self.ended, []
        return [
            AttemptRecord(
                self.id,
                self.plan.ids[one.task],
                one.attempt,
                one.status,
                self.records[one.task].started_at or at,
                at,
                engine_id,
                one.error,
                one.error_type,
                self.records[one.task].log,
            )
            for one in ended
        ]

    def record_of(self, task: int, at: datetime, next_at: datetime | None) -> TaskRecord:
        """The task's record as the machine has it now."""
        run, old = self.run, self.records[task]
        status, attempt = run.tasks[task], run.attempts[task]
        begun = status is TaskStatus.RUNNING
        started, ended = old.started_at, old.ended_at
        if begun:
            started = at if attempt != old.attempt or started is None else started
            ended = None
        elif status in _ENDED:
            ended = at
        elif status is TaskStatus.PENDING:
            started = ended = None
        errors = status in _WITH_ERROR
        new = TaskRecord(
            old.workflow_id,
            old.task_id,
            old.agent_id,
            old.agent_type,
            status,
            attempt,
            run.losses.get(task, 0),
            self.texts[task] if status is TaskStatus.COMPLETED else None,
            self.errors.get(task) if errors else None,
            run.error_types.get(task) if errors else None,
            started,
            ended,
            next_at,
            self.children.get(task) if begun else None,
            old.log,
            self._scheduling(task),
        )
        self.records[task] = new
        return new

    def set_log(self, task: int, place: str) -> None:
        """Say where the running attempt's log is; kept with its next change."""
        self.records[task] = replace(self.records[task], log=place)

    def _scheduling(self, task: int) -> str | None:
        run = self.run
        forgiven = run.forgiven.get(task)
        parent = run.plan.parents.get(task) if run.plan.parents else None
        groups = self.groups.get(task)
        if forgiven is None and parent is None and groups is None:
            return None
        found: dict[str, Any] = {}
        if forgiven:
            found["forgiven"] = forgiven
        if groups:
            found["groups"] = groups
        if parent is not None:
            from .encoding import task_values  # noqa: PLC0415  # fan-outs only

            found["parent"] = run.plan.ids[parent]
            found["task"] = task_values(self.tasks[task])
        return json.dumps(found, separators=(",", ":")) if found else None

    def _new_row(self, task: int) -> TaskRecord:
        given = self.tasks[task]
        return TaskRecord(self.id, given.task_id, given.agent_id, given.agent_type)

    def _load_children(self, rows: Mapping[str, TaskRecord]) -> None:
        """Append the children of fan-outs to the plan, in the order in which they came."""
        by_parent: dict[str, list[TaskDefinition]] = {}
        for row in rows.values():
            kept = _kept(row)
            by_parent.setdefault(kept["parent"], []).append(task_of(kept["task"]))
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
        )


_ENDED = frozenset(
    {
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
        TaskStatus.SKIPPED,
        TaskStatus.CANCELLED,
        TaskStatus.RETRYING,
    }
)
_WITH_ERROR = _ENDED - {TaskStatus.COMPLETED}


def _context(record: WorkflowRecord) -> HandoffContext | None:
    found = json.loads(record.metadata).get(CONTEXT) if CONTEXT in record.metadata else None
    return None if found is None else HandoffContext.from_dict(found)


def _kept(row: TaskRecord) -> dict[str, Any]:
    if row.scheduling is None:
        return {}
    found: dict[str, Any] = json.loads(row.scheduling)
    return found
